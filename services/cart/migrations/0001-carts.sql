-- One row a customer. Each change is one call of a function below, which locks the row first, so that a change
-- takes one round trip and none is lost. They follow cart.ts, and a test compares the two.

create table carts (
  customer_id uuid primary key,
  -- [{"productId", "quantity"}], in the order in which they were added.
  lines jsonb not null default '[]',
  -- Empty while there are no lines.
  currency text not null default '',
  -- The newest last.
  recent_adds text[] not null default '{}',
  recent_orders uuid[] not null default '{}',
  update_time timestamptz
  -- Room on each page, so that a change stays on it and touches no index.
) with (fillfactor = 60);

-- `product_currency` is null when the product cannot be bought; `add_key` is null when every call adds.
create function cart_add(
  for_customer uuid, product text, added integer, product_currency text, add_key text, at timestamptz,
  quantity_max integer, lines_max integer, adds_max integer,
  out outcome text, out cart carts
) language plpgsql as $$
declare
  existed boolean;
  held integer;
  line_count integer;
begin
  loop
    select * into cart from carts where customer_id = for_customer for update;
    existed := found;
    if not existed then
      cart := row(for_customer, '[]'::jsonb, '', '{}'::text[], '{}'::uuid[], null)::carts;
    end if;
    line_count := jsonb_array_length(cart.lines);
    select (line ->> 'quantity')::integer into held
      from jsonb_array_elements(cart.lines) line where line ->> 'productId' = product;
    outcome := case
      when add_key = any (cart.recent_adds) then 'repeated'
      when product_currency is null then 'product_not_found'
      when coalesce(held, 0) + added > quantity_max then 'quantity_too_large'
      when held is null and line_count >= lines_max then 'cart_full'
      when line_count > 0 and cart.currency <> product_currency then 'currency_mismatch'
      else 'added'
    end;
    if outcome <> 'added' then
      return;
    end if;

    if held is null then
      cart.lines := cart.lines || jsonb_build_object('productId', product, 'quantity', added);
    else
      cart.lines := (
        select jsonb_agg(
          case when line ->> 'productId' = product
            then jsonb_set(line, '{quantity}', to_jsonb(held + added)) else line end
          order by position)
        from jsonb_array_elements(cart.lines) with ordinality as each (line, position));
    end if;
    if add_key is not null then
      cart.recent_adds := cart.recent_adds || add_key;
      cart.recent_adds := cart.recent_adds[greatest(1, cardinality(cart.recent_adds) - adds_max + 1):];
    end if;
    cart.currency := product_currency;
    cart.update_time := at;

    if existed then
      update carts set lines = cart.lines, currency = cart.currency, recent_adds = cart.recent_adds,
        update_time = cart.update_time
      where customer_id = for_customer;
      return;
    end if;
    insert into carts select cart.* on conflict (customer_id) do nothing;
    if found then
      return;
    end if;
    -- Somebody else made the row just now: once more, with theirs.
  end loop;
end $$;

-- `quantity` 0 takes the line out. The outcome is 'set' or 'line_not_found'.
create function cart_set(
  for_customer uuid, product text, new_quantity integer, at timestamptz,
  out outcome text, out cart carts
) language plpgsql as $$
declare
  held integer;
begin
  select * into cart from carts where customer_id = for_customer for update;
  select (line ->> 'quantity')::integer into held
    from jsonb_array_elements(cart.lines) line where line ->> 'productId' = product;
  outcome := case when held is null and new_quantity > 0 then 'line_not_found' else 'set' end;
  if held is null or held = new_quantity then
    return;
  end if;

  select coalesce(jsonb_agg(
      case when line ->> 'productId' = product
        then jsonb_set(line, '{quantity}', to_jsonb(new_quantity)) else line end
      order by position), '[]')
    into cart.lines
    from jsonb_array_elements(cart.lines) with ordinality as each (line, position)
    where new_quantity > 0 or line ->> 'productId' <> product;
  if cart.lines = '[]' then
    cart.currency := '';
  end if;
  cart.update_time := at;
  update carts set lines = cart.lines, currency = cart.currency, update_time = cart.update_time
  where customer_id = for_customer;
end $$;

-- Takes `ordered`, [{"productId", "quantity"}], out of the lines, once for each order that is remembered.
create function cart_clear_ordered(
  for_customer uuid, ordered_by uuid, ordered jsonb, at timestamptz, orders_max integer,
  out cart carts
) language plpgsql as $$
declare
  lines_left jsonb;
begin
  -- The order is remembered even if there was no cart: what is added later is not what was ordered.
  insert into carts (customer_id) values (for_customer) on conflict (customer_id) do nothing;
  select * into cart from carts where customer_id = for_customer for update;
  if ordered_by = any (cart.recent_orders) then
    return;
  end if;

  select coalesce(jsonb_agg(
      jsonb_build_object('productId', product, 'quantity', quantity_left) order by position
    ) filter (where quantity_left > 0), '[]')
    into lines_left
    from (
      select line ->> 'productId' as product, position, (line ->> 'quantity')::integer - coalesce((
          select sum((taken ->> 'quantity')::integer) from jsonb_array_elements(ordered) taken
          where taken ->> 'productId' = line ->> 'productId'
        ), 0) as quantity_left
      from jsonb_array_elements(cart.lines) with ordinality as each (line, position)
    ) as lines_after;
  cart.recent_orders := cart.recent_orders || ordered_by;
  cart.recent_orders := cart.recent_orders[greatest(1, cardinality(cart.recent_orders) - orders_max + 1):];
  if lines_left <> cart.lines then
    cart.lines := lines_left;
    cart.update_time := at;
    if lines_left = '[]' then
      cart.currency := '';
    end if;
  end if;
  update carts set lines = cart.lines, currency = cart.currency, recent_orders = cart.recent_orders,
    update_time = cart.update_time
  where customer_id = for_customer;
end $$;

-- The same as in 0001, with less work where there is less to do: the row is mostly there, and mostly all that is in
-- the cart was ordered, line by line.

create or replace function cart_clear_ordered(
  for_customer uuid, ordered_by uuid, ordered jsonb, at timestamptz, orders_max integer,
  out cart carts
) language plpgsql as $$
declare
  lines_left jsonb := '[]';
begin
  select * into cart from carts where customer_id = for_customer for update;
  if not found then
    -- The order is remembered even if there was no cart: what is added later is not what was ordered.
    insert into carts (customer_id) values (for_customer) on conflict (customer_id) do nothing;
    select * into cart from carts where customer_id = for_customer for update;
  end if;
  if ordered_by = any (cart.recent_orders) then
    return;
  end if;

  if cart.lines <> ordered then
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
  end if;
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

-- Booking for less: the same promises (E1 to E3 of 0001-entries.sql) with fewer statements, and no scan of what is open.
--
--   B1. Rows are locked in the order of 0001: the balances, then the open receivables, each sorted. So none waits in a
--       circle, not even with a booking that still runs the function of before.
--   B2. Who books a receivable of an order has the row of its balance, for which every other one of that order waits.
--       So what is open of an order stands still while it is looked at.
--   B3. Nobody scans what is open: a session plans when that is next to nothing, and may book when it is much.

-- Its tables are those of this schema, whatever the search path of who writes.
create or replace function entry_book() returns trigger language plpgsql
  set search_path from current set enable_seqscan = off
as $$
declare
  told record;
begin
  insert into balance (account, currency, slot, amount_minor)
    select account, currency, get_byte(uuid_send(order_id), 15) % 16, sum(amount_minor)
    from booked group by 1, 2, 3 order by 1, 2, 3
    on conflict (account, currency, slot)
      do update set amount_minor = balance.amount_minor + excluded.amount_minor;

  for told in
    select order_id, currency, sum(amount_minor) filter (where account = 'customer_receivable')::bigint as receivable_minor,
      min(line) = 1 and max(line) = count(*) and sum(amount_minor) = 0 as is_plain
    from booked
    group by transaction_id, position, order_id, payment_id, event, occurred_at, create_time, currency
    order by order_id, currency
  loop
    -- A plain one is a whole transaction in one currency: its line 1 is here, and by the primary key there is no other.
    if not told.is_plain then
      if exists (
        select from booked group by transaction_id
        having min(line) <> 1 or max(line) <> count(*)
          or count(distinct (position, order_id, payment_id, event, occurred_at, create_time)) <> 1
      ) then
        raise exception using errcode = 'WS002', message = 'a transaction is one statement with all its lines, 1 to n, about one thing';
      end if;
      if exists (select from booked group by transaction_id, currency having sum(amount_minor) <> 0) then
        raise exception using errcode = 'WS002', message = 'the entries of a transaction sum to zero in every currency';
      end if;
    end if;
    continue when coalesce(told.receivable_minor, 0) = 0;

    delete from open_receivable
      where order_id = told.order_id and currency = told.currency and amount_minor = -told.receivable_minor;
    continue when found;
    insert into open_receivable as open (order_id, currency, amount_minor)
      values (told.order_id, told.currency, told.receivable_minor)
      on conflict (order_id, currency) do update set amount_minor = open.amount_minor + excluded.amount_minor;
  end loop;
  return null;
end $$;

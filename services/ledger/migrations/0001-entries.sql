-- The books. What they promise is enforced here, against whoever writes, the owner of the tables included: the triggers
-- also fire for sessions that switch triggers off (ENABLE ALWAYS).
--
--   E1. An entry is never changed and never deleted.
--   E2. The entries of a transaction sum to zero in every currency.
--   E3. A transaction is one INSERT statement with all its lines, 1 to n; nothing is added to it later.
--
-- E2 is checked at the end of the statement and not, by a deferred constraint trigger, at the commit. A deferred trigger
-- fires once a row and can be made to fire early (SET CONSTRAINTS), after which more rows could follow; E3 leaves no such
-- gap, for a transaction that was incomplete at the end of its statement is refused, and a second statement
-- would need a second line 1.

create type account as enum (
  'customer_receivable', 'provider_clearing', 'revenue', 'shipping', 'discount', 'fees', 'refunds'
);

-- One number a transaction, so that its entries stand together in a list.
create sequence entry_positions;

create table entry (
  transaction_id uuid not null,
  line smallint not null,
  position bigint not null,
  order_id uuid not null,
  payment_id uuid,
  account account not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  -- A debit is positive, a credit negative.
  amount_minor bigint not null
    check (amount_minor <> 0 and amount_minor between -1000000000000000 and 1000000000000000),
  event text not null check (length(event) between 1 and 50),
  occurred_at timestamptz not null,
  create_time timestamptz not null,
  primary key (transaction_id, line)
);
create unique index entry_position on entry (position, line);
create index entry_order on entry (order_id, position, line);
create index entry_account on entry (account, position, line);
-- The orders that the books know of, the newest first.
create index entry_first on entry (occurred_at, transaction_id)
  where line = 1 and event in ('order_created', 'payment_captured');

-- The sum of each account, so that nobody has to add up ten million entries. It is spread over 16 rows by the order:
-- one row an account would be locked by every commit until it is durable, and the commits of all
-- orders would wait for each other. All commits take the rows in the same order, so none waits in a circle.
create table balance (
  account account not null,
  currency text not null,
  slot smallint not null,
  amount_minor bigint not null,
  primary key (account, currency, slot)
) with (fillfactor = 50);

-- The orders whose receivable is not zero, and only those: at rest there are none.
create table open_receivable (
  order_id uuid not null,
  currency text not null,
  amount_minor bigint not null,
  primary key (order_id, currency)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create function entry_refuse_change() returns trigger language plpgsql as $$
begin
  raise exception using errcode = 'WS002', message = format('%s of %I is refused: the books are only added to', tg_op, tg_table_name);
end $$;

create function entry_refuse_by_hand() returns trigger language plpgsql as $$
begin
  if pg_trigger_depth() < 2 then
    raise exception using errcode = 'WS002', message = format('%s of %I is refused: it follows the entries', tg_op, tg_table_name);
  end if;
  return null;
end $$;

-- Its tables are those of this schema, whatever the search path of who writes.
create function entry_book() returns trigger language plpgsql set search_path from current as $$
begin
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

  insert into balance (account, currency, slot, amount_minor)
    select account, currency, get_byte(uuid_send(order_id), 15) % 16, sum(amount_minor)
    from booked group by 1, 2, 3 order by 1, 2, 3
    on conflict (account, currency, slot)
      do update set amount_minor = balance.amount_minor + excluded.amount_minor;

  insert into open_receivable (order_id, currency, amount_minor)
    select order_id, currency, sum(amount_minor)
    from booked where account = 'customer_receivable' group by 1, 2 order by 1, 2
    on conflict (order_id, currency)
      do update set amount_minor = open_receivable.amount_minor + excluded.amount_minor;
  delete from open_receivable as open using booked
    where open.order_id = booked.order_id and open.currency = booked.currency and open.amount_minor = 0;
  return null;
end $$;

create trigger entry_book after insert on entry
  referencing new table as booked for each statement execute function entry_book();
create trigger entry_refuse_change before update or delete or truncate on entry
  for each statement execute function entry_refuse_change();
create trigger balance_refuse_by_hand before insert or update or delete or truncate on balance
  for each statement execute function entry_refuse_by_hand();
create trigger open_receivable_refuse_by_hand before insert or update or delete or truncate on open_receivable
  for each statement execute function entry_refuse_by_hand();

alter table entry enable always trigger entry_book;
alter table entry enable always trigger entry_refuse_change;
alter table balance enable always trigger balance_refuse_by_hand;
alter table open_receivable enable always trigger open_receivable_refuse_by_hand;

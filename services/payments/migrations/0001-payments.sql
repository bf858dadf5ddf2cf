-- One row an order: its payment, or, where payment_id is null, the mark that it must not get one.
create table payments (
  order_id uuid primary key,
  payment_id uuid unique,
  customer_id uuid,
  country text,
  description text,
  amount_minor bigint check (amount_minor > 0),
  currency text,
  status text not null check (status in ('created', 'authorized', 'captured', 'partially_refunded', 'refunded',
    'voided', 'failed', 'requires_action', 'disputed', 'unknown')),
  captured_minor bigint not null default 0,
  refunded_minor bigint not null default 0,
  provider_reference text not null default '',
  receipt_url text not null default '',
  decline_code text not null default '',
  card_brand text not null default '',
  -- The call that the provider may have got and of which nothing is known yet.
  asked text check (asked in ('authorize', 'capture', 'void')),
  -- The number of each call's present attempt; with the payment's id it makes the provider's idempotency key.
  authorize_attempt integer not null default 1,
  capture_attempt integer not null default 1,
  void_attempt integer not null default 1,
  void_wanted boolean not null default false,
  -- Amounts in it are decimal strings of minor units: JSON's numbers are floats.
  refunds jsonb not null default '[]',
  history jsonb not null default '[]',
  create_time timestamptz not null,
  update_time timestamptz not null,
  version integer not null default 1,
  check (payment_id is null or (customer_id, country, description, amount_minor, currency) is not null),
  check (payment_id is not null or status = 'voided'),
  check (0 <= refunded_minor and refunded_minor <= captured_minor),
  check (captured_minor = 0 or captured_minor <= amount_minor)
) with (fillfactor = 70);
-- No column of it changes after the insert, so that updates stay within their page.
create index payments_newest on payments (create_time desc, payment_id desc) where payment_id is not null;

-- What the comparisons found, the last hundred of them, and whose turn the next one is.

create table reconciliation (
  run_id uuid primary key,
  at timestamptz not null,
  duration_ms integer not null,
  orders_compared integer not null,
  payments_compared integer not null,
  provider_payments_compared integer not null,
  difference_count integer not null,
  truncated boolean not null,
  -- As reconciliation-store.postgres.ts writes them.
  differences jsonb not null
);
create index reconciliation_at on reconciliation (at);

-- One row. Whoever moves it on has the turn; the others find that it is not due.
create table reconciliation_turn (
  single boolean primary key default true check (single),
  due_at timestamptz not null
);

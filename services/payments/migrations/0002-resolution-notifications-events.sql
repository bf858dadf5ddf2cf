-- When the provider is asked about a payment of which not all is known: since when, how often it was, when it is next.
-- Not due any more: it is given up.
alter table payments
  add column unresolved_since timestamptz,
  add column resolution_asks integer not null default 0,
  add column resolution_due timestamptz,
  add constraint resolution_is_whole check (resolution_due is null or unresolved_since is not null);
create index payments_unresolved on payments (resolution_due) where unresolved_since is not null;
-- What an earlier version left unresolved is asked about at once.
update payments set unresolved_since = update_time, resolution_due = now()
  where payment_id is not null and (status in ('unknown', 'requires_action')
    or (status = 'created' and asked is not null)
    or (status = 'authorized' and void_wanted)
    or jsonb_path_exists(refunds, '$[*] ? (@.status == "asked")'));

-- News of payments for orders, until orders has taken it. What orders refused for good is kept, and due no more.
create table status_notifications (
  notification_id uuid primary key,
  payment_id uuid not null,
  payment_version integer not null,
  order_id uuid not null,
  status text not null,
  refunded_minor bigint not null,
  occurred_at timestamptz not null,
  attempts integer not null default 0,
  due_at timestamptz,
  refused_for text check ((due_at is null) = (refused_for is not null)),
  unique (payment_id, payment_version)
);
create index status_notifications_due on status_notifications (due_at) where due_at is not null;

-- Events that the provider sent, by their ids; never what they said. Not due: there is nothing more to do with it.
create table provider_events (
  event_id text primary key,
  type text not null,
  -- The provider's id of the payment, and ours; empty and null when the event did not say.
  payment_reference text not null,
  payment_id uuid,
  create_time timestamptz not null,
  receive_time timestamptz not null,
  status text not null check (status in ('waiting', 'applied', 'ignored', 'given_up')),
  attempts integer not null default 0,
  due_at timestamptz,
  check ((status = 'waiting') = (due_at is not null))
);
create index provider_events_open on provider_events (due_at) where status in ('waiting', 'given_up');
create index provider_events_age on provider_events (receive_time);

-- How far the provider's own list of events was read, for those that never came: one row.
create table provider_event_sweep (
  is_only boolean primary key default true check (is_only),
  swept_until timestamptz not null,
  due_at timestamptz not null
);
insert into provider_event_sweep (swept_until, due_at) values (now() - interval '1 day', now());

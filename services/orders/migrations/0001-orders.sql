-- One row an order. Lines, address and history are read and written with the order and never
-- searched, so they are documents in it; history is only ever appended to.
create table orders (
  order_id uuid primary key,
  customer_id uuid not null,
  status text not null check (status in ('new', 'pending', 'paid', 'processing', 'shipped', 'delivered', 'cancelled', 'failed', 'refunded')),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  lines jsonb not null,
  subtotal_minor bigint not null check (subtotal_minor >= 0),
  shipping_minor bigint not null check (shipping_minor >= 0),
  discount_minor bigint not null check (discount_minor between 0 and subtotal_minor),
  total_minor bigint not null check (total_minor = subtotal_minor + shipping_minor - discount_minor),
  refunded_minor bigint not null default 0 check (refunded_minor between 0 and total_minor),
  campaign text not null,
  coupon text not null,
  shipping_address jsonb not null,
  payment_id uuid,
  receipt_url text not null default '',
  failure_reason text not null default '',
  cancel_requested boolean not null default false,
  history jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null default now()
) with (fillfactor = 80);

create index orders_of_customer on orders (customer_id, created_at desc, order_id desc);
create index orders_newest on orders (created_at desc, order_id desc);

-- What payments told us, by the id of the telling; a repeat finds itself here.
create table payment_notifications (
  notification_id uuid primary key,
  order_id uuid not null references orders (order_id),
  payment_id uuid not null,
  payment_status text not null,
  occurred_at timestamptz not null,
  applied boolean not null,
  created_at timestamptz not null default now()
);
create index payment_notifications_of_order on payment_notifications (order_id, occurred_at desc);

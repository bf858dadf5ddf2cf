-- One row a notification. It is inserted with the inbox's note of its event, and kept when it is sent: the rows are also
-- the list of what customers were told.
create table notifications (
  notification_id uuid primary key,
  event_id uuid not null,
  customer_id uuid not null,
  order_id uuid not null,
  -- The notification that staff had sent once more as this one.
  resend_of uuid references notifications (notification_id),
  kind text not null,
  -- Ids, amounts and quantities: what the mail is made of. No address, no name, no text of a mail.
  facts jsonb not null,
  subject text not null,
  recipient_masked text not null default '',
  status text not null default 'pending' check (status in ('pending', 'sending', 'sent', 'failed')),
  attempts integer not null default 0,
  -- When it is to be tried; while it is being sent, when the lease of who sends it ends.
  due_at timestamptz,
  error_reason text not null default '' check (length(error_reason) <= 500),
  create_time timestamptz not null,
  sent_time timestamptz,
  check ((due_at is null) = (status in ('sent', 'failed'))),
  check ((sent_time is not null) = (status = 'sent'))
) with (fillfactor = 80);

create index notifications_due on notifications (due_at) where due_at is not null;
create index notifications_newest on notifications (create_time desc, notification_id desc);
create index notifications_of_order on notifications (order_id);
create index notifications_of_customer on notifications (customer_id, create_time desc);
create index notifications_failed on notifications (create_time) where status = 'failed';
create index notifications_resent on notifications (resend_of) where resend_of is not null;

-- What an order keeps of its cancellation, where it came from, and whether it has its prices. The defaults are those of
-- every order that was placed before, so a process that does not know the columns yet goes on writing good rows.
alter table orders
  add column fee_minor bigint not null default 0,
  add column channel text not null default '',
  add column priced boolean not null default true,
  add constraint orders_fee_is_kept check (fee_minor >= 0 and fee_minor + refunded_minor <= total_minor),
  add constraint orders_unpriced_are_new check (priced or (channel <> '' and total_minor = 0 and status in ('new', 'cancelled', 'failed')));

-- What had gone back of the payment in all when this was told.
alter table payment_notifications add column refunded_minor bigint not null default 0 check (refunded_minor >= 0);

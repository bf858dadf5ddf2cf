-- How often the provider itself said that it has no such payment. Attempts also count what it did not answer.
alter table provider_events add column misses integer not null default 0;

-- Messages that were given up. `value` is kept as it is: compressing up to a megabyte for each costs more than its space.
create table dead_letters (
  dead_letter_id uuid primary key,
  source_topic text not null,
  source_partition integer not null,
  source_offset bigint not null,
  consumer_group text not null,
  event_name text not null,
  key bytea not null,
  correlation_id text not null,
  error_reason text not null,
  attempts integer not null,
  redrives integer not null,
  status text not null default 'dead' check (status in ('dead', 'scheduled', 'redriven')),
  created_at timestamptz not null,
  headers jsonb not null,
  value bytea not null,
  -- Which redrive took it up; kept afterwards.
  redrive_id uuid,
  redriven_at timestamptz,
  check (status = 'dead' or redrive_id is not null)
);
alter table dead_letters alter column value set storage external;

-- One for each way to look: all, those of a topic, of an event, in a status; forwards for a redrive, backwards for the
-- desk. Then one that answers the gauges by itself, and one for what is left of a redrive.
create index dead_letters_by_time on dead_letters (created_at, dead_letter_id);
create index dead_letters_by_topic on dead_letters (source_topic, created_at, dead_letter_id);
create index dead_letters_by_event on dead_letters (event_name, created_at, dead_letter_id);
create index dead_letters_by_status on dead_letters (status, created_at, dead_letter_id);
create index dead_letters_standing on dead_letters (source_topic, status, created_at);
create index dead_letters_of_redrive on dead_letters (redrive_id, status, created_at, dead_letter_id)
  where redrive_id is not null;

-- What is being redriven: a row until the last of its letters is out. Who works on it holds the lease; the fence tells
-- whether it still does.
create table redrives (
  redrive_id uuid primary key,
  rate_per_second integer not null check (rate_per_second between 1 and 100),
  next_at timestamptz not null,
  leased_until timestamptz not null default '-infinity',
  fence bigint not null default 0
);

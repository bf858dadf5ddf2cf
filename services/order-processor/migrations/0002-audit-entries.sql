-- What staff did. Rows are added and never changed: the trigger says so to everybody, and not only to this service.
create table audit_entries (
  audit_entry_id uuid primary key,
  actor_id uuid not null,
  action text not null,
  subject text not null,
  detail text not null,
  at timestamptz not null
);

create index audit_entries_by_time on audit_entries (at, audit_entry_id);
create index audit_entries_by_actor on audit_entries (actor_id, at, audit_entry_id);
create index audit_entries_by_subject on audit_entries (subject, at, audit_entry_id);

create function audit_entries_are_final() returns trigger language plpgsql as $$
begin
  raise exception 'audit entries are append-only';
end $$;

create trigger audit_entries_are_final before update or delete on audit_entries
  for each row execute function audit_entries_are_final();
create trigger audit_entries_stay before truncate on audit_entries
  for each statement execute function audit_entries_are_final();

// The tables of the bus on Postgres. They are the bus's own, in a schema beside those of the services.

import type { Migration } from "./postgres-migrations.ts";

export const busMigrations: readonly Migration[] = [
  {
    id: "0001-bus",
    sql: `
      -- How many partitions a topic has is decided once: with another number its keys would change places.
      create table topics (
        topic text primary key,
        partitions integer not null check (partitions between 1 and 64)
      );
      -- The counter that gives a partition's messages their offsets. Its row lock is the turn to publish there.
      create table partitions (
        topic text not null references topics,
        partition integer not null,
        next_offset bigint not null default 0,
        primary key (topic, partition)
      ) with (fillfactor = 50);
      create table messages (
        topic text not null,
        partition integer not null,
        "offset" bigint not null,
        key text not null,
        value bytea not null,
        headers jsonb not null,
        published_at timestamptz not null,
        primary key (topic, partition, "offset")
      );
      -- How far a group is, and which of its members is at it. The fence rises with each change of member.
      create table claims (
        consumer_group text not null,
        topic text not null,
        partition integer not null,
        next_offset bigint not null,
        member uuid,
        fence bigint not null default 0,
        leased_until timestamptz not null default '-infinity',
        primary key (consumer_group, topic, partition)
      ) with (fillfactor = 50);
      create table members (
        consumer_group text not null,
        topic text not null,
        member uuid not null,
        alive_until timestamptz not null,
        primary key (consumer_group, topic, member)
      ) with (fillfactor = 50);
    `,
  },
];

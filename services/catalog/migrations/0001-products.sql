create table products (
  product_id uuid primary key,
  name text not null,
  description text not null,
  amount_minor int8 not null check (amount_minor >= 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  tags text[] not null,
  -- [{"imageId", "width", "height"}] in the order of upload
  images jsonb not null,
  active boolean not null,
  create_time timestamptz not null,
  update_time timestamptz not null,
  revision int4 not null check (revision >= 1),
  draft_digest text not null,
  -- What lists are ordered by; bytes compare as code points do.
  sort_key text collate "C" not null,
  -- The words that a search compares, as the service splits and folds them; no dictionary has a say.
  words tsvector not null
);

create unique index products_place on products (sort_key, product_id);
create index products_words on products using gin (words);
create index products_tags on products using gin (tags);

-- Rows are written once. The files are WebP and do not get smaller.
create table image_files (
  image_id uuid not null,
  size text not null check (size in ('small', 'medium', 'large')),
  content bytea not null,
  primary key (image_id, size)
);
alter table image_files alter column content set storage external;

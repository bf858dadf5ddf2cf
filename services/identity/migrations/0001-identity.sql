create table users (
  user_id uuid primary key,
  username text not null unique check (username ~ '^[a-z0-9_.-]{3,32}$'),
  email text not null,
  -- The address in lower case: what makes two of them the same.
  email_key text not null unique,
  country text not null,
  role text not null check (role in ('user', 'admin')),
  -- argon2id in the PHC format, with its own salt and costs.
  password_hash text not null,
  create_time timestamptz not null
);
create index users_newest on users (create_time desc, user_id desc);

-- One login, and the family of refresh tokens that descend from it.
create table sessions (
  session_id uuid primary key,
  user_id uuid not null references users on delete cascade,
  open_time timestamptz not null,
  -- When its youngest token expires.
  expire_time timestamptz not null,
  revoke_time timestamptz
);
create index sessions_by_user on sessions (user_id, open_time desc);

create table refresh_tokens (
  -- SHA-256, base64url. The token itself is not stored.
  token_hash text primary key,
  session_id uuid not null references sessions on delete cascade,
  -- 1 for the login's own, one more at each rotation.
  generation integer not null,
  expire_time timestamptz not null,
  spend_time timestamptz,
  unique (session_id, generation)
);

create table signing_keys (
  -- RFC 7638 thumbprint; the `kid` of tokens.
  key_id text primary key,
  public_jwk jsonb not null,
  -- The private JWK: `plain:` and JSON, or `aes-256-gcm:` and nonce.tag.ciphertext where IDENTITY_KEY_ENCRYPTION_KEY
  -- is set, as it should be in production: then a dump of this table signs nothing.
  sealed_private_jwk text not null,
  create_time timestamptz not null
);

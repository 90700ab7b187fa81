-- What is entered at /setup. Like the environment, it is the whole bot's and not one workspace's.

CREATE TABLE credential (
    name text PRIMARY KEY,                          -- as in the environment
    value bytea NOT NULL,                           -- encrypted with the first of SECRET_KEYS
    set_at timestamptz NOT NULL
);

CREATE TABLE setting (
    name text PRIMARY KEY,
    value text NOT NULL,                            -- never a secret
    set_at timestamptz NOT NULL
);

-- Who may use /setup. What a person or a browser holds is known here by its SHA-256 only.
CREATE TABLE setup_pass (
    digest bytea PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('token', 'session', 'state')),
    session bytea REFERENCES setup_pass ON DELETE CASCADE, -- of a state: the session that began it
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CHECK ((kind = 'state') = (session IS NOT NULL))
);

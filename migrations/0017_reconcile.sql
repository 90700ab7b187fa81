-- What only GitHub knows: deliveries that never arrived, and how things stand when it is asked.

-- Deliveries that GitHub was asked to send again: each once.
CREATE TABLE redelivery (
    guid text PRIMARY KEY,
    asked_at timestamptz NOT NULL                   -- application clock
);

-- How far the bot has looked after itself.
CREATE TABLE watch (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    alive_at timestamptz,                           -- application clock: a worker ran then
    delivered_to timestamptz,                       -- GitHub's clock: every earlier delivery is stored, or was asked for again
    compared_at timestamptz                         -- application clock: when everything was last compared with GitHub
);

-- When GitHub was last asked about a row, and how many differences that mended.
ALTER TABLE installation
    ADD COLUMN compared_at timestamptz,             -- application clock
    ADD COLUMN mended int NOT NULL DEFAULT 0;
ALTER TABLE repository
    ADD COLUMN compared_at timestamptz,             -- application clock
    ADD COLUMN mended int NOT NULL DEFAULT 0,
    ADD COLUMN followed_from timestamptz;           -- its facts come since then; NULL: for longer than this is kept

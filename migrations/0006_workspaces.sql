-- More than one Slack workspace on one bot.

ALTER TABLE workspace
    ADD COLUMN name text,
    ADD COLUMN bot_token bytea,                     -- encrypted with SECRET_KEYS; NULL: not installed by /slack/install
    ADD COLUMN bot_user_id text,
    ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',
    ADD COLUMN installed_at timestamptz,
    ADD COLUMN gone_at timestamptz;                 -- the app was taken away there: nothing is sent any more

-- With several workspaces a delivery of an installation that has joined none belongs to nobody.
ALTER TABLE delivery ALTER COLUMN workspace_id DROP NOT NULL;

-- Trips to Slack's and GitHub's pages and back. What travels is known here by its SHA-256 only.
CREATE TABLE oauth_state (
    digest bytea PRIMARY KEY,
    purpose text NOT NULL,
    browser bytea,                                  -- of the cookie of the browser it is for; NULL: any browser
    payload jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX oauth_state_expires_at ON oauth_state (expires_at);

-- Which GitHub accounts Ripe works for: an account is allowed in a workspace, or it waits for an admin's answer.
CREATE TABLE account_access (
    workspace_id bigint NOT NULL REFERENCES workspace,
    account_id bigint NOT NULL,
    login text NOT NULL,                            -- a label: the id decides
    state text NOT NULL CHECK (state IN ('allowed', 'waiting', 'refused')),
    installation_id bigint,                         -- the newest that waited; NULL: none did
    installed_by bigint,                            -- the GitHub account of the person who installed it
    since timestamptz NOT NULL,                     -- of the state
    decided_by text,                                -- the admin's name; NULL: nobody had to decide
    told_at timestamptz,                            -- when an admin heard that it waits
    PRIMARY KEY (workspace_id, account_id)
);
CREATE INDEX account_access_account ON account_access (account_id);
CREATE INDEX account_access_installation ON account_access (installation_id);

-- Whoever was here before stays.
INSERT INTO account_access (workspace_id, account_id, login, state, since)
SELECT DISTINCT ON (account_id) workspace_id, account_id, coalesce(account_login, ''), 'allowed', now()
FROM installation WHERE account_id > 0 ORDER BY account_id, deleted_at IS NULL DESC, id DESC;

-- Guests in Slack are reminded only if an admin connected them as guests. NULL: nobody has looked at it yet.
ALTER TABLE person ADD COLUMN guest_allowed boolean;
ALTER TABLE person ALTER COLUMN guest_allowed SET DEFAULT false;

-- A GitHub account that belonged to a person before, who hears when somebody else connects it.
CREATE TABLE former_account (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint NOT NULL,
    person_id bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX former_account_person ON former_account (person_id);

-- Calls to GitHub or Slack that have failed for a while, or for good, so that Ripe can say so.
CREATE TABLE obstacle (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pull_request_id bigint REFERENCES pull_request ON DELETE CASCADE,
    installation_id bigint REFERENCES installation ON DELETE CASCADE,
    person_id bigint REFERENCES person ON DELETE CASCADE,
    call text NOT NULL,                             -- what is refused: see bot/flows/obstacles.py
    reason text NOT NULL,                           -- in the words of GitHub or Slack
    since timestamptz NOT NULL,                     -- application clock, like the other times
    last_at timestamptz NOT NULL,
    until timestamptz,                              -- the next try; NULL: it is refused for good
    told_at timestamptz,                            -- when somebody heard of it
    CHECK (num_nonnulls(pull_request_id, installation_id, person_id) = 1),
    UNIQUE (pull_request_id, call),
    UNIQUE (installation_id, call),
    UNIQUE (person_id, call)
);
CREATE INDEX obstacle_workspace ON obstacle (workspace_id);

CREATE INDEX message_refused ON message (person_id) WHERE state = 'failed' OR error IS NOT NULL;

-- The code lists the kinds of notices.
ALTER TABLE message
    DROP CONSTRAINT IF EXISTS message_notice_check,
    DROP CONSTRAINT IF EXISTS message_letter_check;

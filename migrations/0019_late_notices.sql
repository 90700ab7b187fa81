-- Notices to authors that an outage held up, or that a restored backup brings again: the author's next digest lists them,
-- if they are still true then.
CREATE TABLE late_notice (
    workspace_id bigint NOT NULL REFERENCES workspace,
    pull_request_id bigint NOT NULL REFERENCES pull_request ON DELETE CASCADE,
    round int NOT NULL,
    kind text NOT NULL,                                     -- as message.notice
    person_id bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    planned_at timestamptz NOT NULL,                        -- when that digest is to be sent
    topics text[] NOT NULL DEFAULT '{}',                    -- what the digest says, as in message
    message_id bigint REFERENCES message ON DELETE SET NULL, -- the digest; NULL: not listed yet
    PRIMARY KEY (pull_request_id, round, kind)
);
CREATE INDEX late_notice_person ON late_notice (person_id);
CREATE INDEX late_notice_message ON late_notice (message_id);
CREATE INDEX late_notice_workspace ON late_notice (workspace_id);

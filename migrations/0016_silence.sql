-- If nobody will act on a pull request, its author hears of it. An admin stands in for an author without DMs.

-- The code lists the kinds of notices. What a notice to an author says, as `request:reason` or `team:name`, so that
-- each is said once a round. One kind of notice may go several times a round, each time about something else.
ALTER TABLE message
    DROP CONSTRAINT IF EXISTS message_notice_check,
    DROP CONSTRAINT IF EXISTS message_letter_check,
    DROP CONSTRAINT IF EXISTS message_pull_request_id_notice_round_key,
    ADD COLUMN topics text[] NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX message_notice ON message
    (pull_request_id, notice, round, (CASE WHEN notice = 'nobody_acts' THEN topics ELSE '{}' END));

-- Pull requests on which nobody acts and whose authors get no DMs, so that an admin hears of them.
CREATE TABLE unheard (
    workspace_id bigint NOT NULL REFERENCES workspace,
    pull_request_id bigint PRIMARY KEY REFERENCES pull_request ON DELETE CASCADE,
    topics text[] NOT NULL,                         -- as in message
    noted_at timestamptz NOT NULL,
    told_at timestamptz,                            -- when an admin last heard of it
    message_id bigint REFERENCES message ON DELETE SET NULL -- that notice; NULL: no admin has heard yet
);
CREATE INDEX unheard_workspace ON unheard (workspace_id);
CREATE INDEX unheard_message ON unheard (message_id);

-- A digest lists the reviews that wait for a person, once a working morning.
-- The code lists the kinds of notices.
ALTER TABLE message
    DROP CONSTRAINT message_letter_check;

-- Review requests that a digest lists, or will list: then no DM of their own is sent.
CREATE TABLE digest_item (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id bigint NOT NULL REFERENCES review_request ON DELETE CASCADE,
    planned_at timestamptz NOT NULL,                        -- when that digest is to be sent
    message_id bigint REFERENCES message ON DELETE SET NULL -- the digest; NULL: not listed yet
);
CREATE INDEX digest_item_request ON digest_item (request_id);
CREATE INDEX digest_item_message ON digest_item (message_id);

-- When GitHub last answered how it stands. NULL: it was not asked yet.
ALTER TABLE pull_request ADD COLUMN synced_at timestamptz;

-- Until when its pull request or its reviewer wants no DM (draft, mute, snooze, leave), as of the last decision; the year
-- 9999: until something changes. A DM that nobody wanted until a moment ago is not late.
ALTER TABLE review_request ADD COLUMN quiet_until timestamptz;

-- In real time. A DM that was due before somebody moved the clock is not late.
ALTER TABLE sandbox_clock ADD COLUMN moved_on timestamptz;

-- Installing and leaving.

-- The name and the installation of a repository are labels: the newest word on them wins.
ALTER TABLE repository ADD COLUMN named_at timestamptz NOT NULL DEFAULT 'epoch';

-- A letter is a DM to a person that is about no single pull request: once for each occasion.
ALTER TABLE message
    ADD COLUMN letter text CHECK (letter IN ('backlog', 'greeting')),
    ADD COLUMN occasion text,                       -- backlog: the local day; greeting: the installation
    ADD CONSTRAINT message_letter UNIQUE (person_id, letter, occasion),
    DROP CONSTRAINT message_check,
    ADD CONSTRAINT message_subject CHECK (
        num_nonnulls(request_id, sequence) IN (0, 2)
        AND num_nonnulls(pull_request_id, notice, round) IN (0, 3)
        AND num_nonnulls(letter, occasion) IN (0, 2)
        AND num_nonnulls(request_id, pull_request_id, letter) = 1);

-- Review requests that were open before Ripe came. They are told in one letter, not in a DM each.
CREATE TABLE backlog (
    workspace_id bigint NOT NULL REFERENCES workspace,
    request_id bigint PRIMARY KEY REFERENCES review_request ON DELETE CASCADE,
    found_at timestamptz NOT NULL,
    message_id bigint REFERENCES message ON DELETE SET NULL -- the letter; NULL: not told yet
);
CREATE INDEX backlog_message ON backlog (message_id);

-- Open pull requests that a suspension hid from us: nothing is sent about them until GitHub was asked again.
CREATE TABLE held (
    workspace_id bigint NOT NULL REFERENCES workspace,
    pull_request_id bigint PRIMARY KEY REFERENCES pull_request ON DELETE CASCADE
);

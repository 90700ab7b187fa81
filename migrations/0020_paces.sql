-- What strangers repeat costs GitHub's calls once: which patterns matched the files of a head, and when GitHub may be
-- asked about a pull request again.
CREATE TABLE reading (
    workspace_id bigint NOT NULL REFERENCES workspace,
    pull_request_id bigint PRIMARY KEY REFERENCES pull_request ON DELETE CASCADE,
    head_sha text NOT NULL,
    additions bigint,
    deletions bigint,
    changed_files bigint,
    files jsonb NOT NULL,                           -- their number, and the pattern of each rule that matches
    read_at timestamptz NOT NULL                    -- application clock, like the other times
);
CREATE INDEX reading_workspace ON reading (workspace_id);

CREATE TABLE pace (
    workspace_id bigint NOT NULL REFERENCES workspace,
    pull_request_id bigint NOT NULL REFERENCES pull_request ON DELETE CASCADE,
    call text NOT NULL,                             -- see bot/flows/paces.py
    free_at timestamptz NOT NULL,                   -- by then, the calls so far are paid for
    PRIMARY KEY (pull_request_id, call)
);
CREATE INDEX pace_workspace ON pace (workspace_id);

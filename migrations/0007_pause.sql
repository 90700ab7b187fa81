-- Who stopped all sending in a workspace, and who let it go on. The row without an end is in force.
CREATE TABLE pause (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id bigint NOT NULL REFERENCES workspace,
    paused_by text NOT NULL,                        -- Slack ids, and names as they were
    paused_by_name text NOT NULL,
    paused_at timestamptz NOT NULL,                 -- application clock
    resumed_by text,
    resumed_by_name text,
    resumed_at timestamptz
);

CREATE UNIQUE INDEX pause_in_force ON pause (workspace_id) WHERE resumed_at IS NULL;

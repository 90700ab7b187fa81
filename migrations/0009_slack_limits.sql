-- What Slack's rate limits make wait: once a call was answered with 429, no process makes this call in this
-- workspace before then, and those that wait come one after the other.
CREATE TABLE slack_limit (
    workspace_id bigint NOT NULL REFERENCES workspace,
    method text NOT NULL,                           -- as in Slack's Web API: chat.postMessage
    not_before timestamptz NOT NULL,                -- application clock
    next_slot timestamptz NOT NULL,                 -- when the next one that has to wait may come
    PRIMARY KEY (workspace_id, method)
);

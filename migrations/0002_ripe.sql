-- The domain. Every row leads with workspace_id: one Slack workspace is one tenant.
-- GitHub's numeric ids are the keys; logins, names and titles are labels that may change.

CREATE TABLE workspace (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slack_team_id text UNIQUE,                      -- NULL until Slack first tells us
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO workspace DEFAULT VALUES;               -- the one whose credentials are in the environment

CREATE TABLE installation (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint PRIMARY KEY,
    account_id bigint,                              -- NULL until an installation event names the account
    account_login text,
    permissions jsonb NOT NULL DEFAULT '{}',
    suspended_at timestamptz,
    deleted_at timestamptz
);

CREATE TABLE repository (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint PRIMARY KEY,
    installation_id bigint NOT NULL REFERENCES installation,
    full_name text NOT NULL,
    removed_at timestamptz                          -- no longer ours to see
);
CREATE INDEX repository_name ON repository (workspace_id, lower(full_name));

-- The rules of one repository: a part of the YAML of product.md, as JSON.
CREATE TABLE repository_config (
    workspace_id bigint NOT NULL REFERENCES workspace,
    full_name text NOT NULL,                        -- lower case; also before the App is installed there
    document jsonb NOT NULL,
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, full_name)
);

CREATE TABLE person (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slack_user_id text NOT NULL,
    name text NOT NULL,
    zone text NOT NULL,                             -- IANA name, from the Slack profile
    spans jsonb,                                    -- weekday -> [start, end]; NULL: Mon-Fri 09:00-17:00
    is_active boolean NOT NULL DEFAULT true,        -- false: deactivated in Slack
    max_open_reviews int,                           -- personal cap; NULL: none
    dms_per_day int NOT NULL DEFAULT 8,
    snoozed_until timestamptz,                      -- all reminders, by the person
    dm_channel text,
    welcomed_at timestamptz,                        -- when the first DM said who installed this
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, slack_user_id)
);

-- A GitHub account and the person it belongs to. One person may have several.
CREATE TABLE account (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint NOT NULL,
    login text NOT NULL,
    person_id bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX account_person ON account (person_id);

CREATE TABLE absence (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,                   -- exclusive
    cover_person_id bigint REFERENCES person ON DELETE SET NULL,
    cancelled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (starts_at < ends_at)
);
CREATE INDEX absence_person ON absence (person_id, ends_at) WHERE cancelled_at IS NULL;

CREATE TABLE pull_request (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint PRIMARY KEY,
    repository_id bigint NOT NULL REFERENCES repository,
    number int NOT NULL,
    title text NOT NULL,
    url text NOT NULL,
    author_id bigint NOT NULL,
    author_login text NOT NULL,
    author_is_bot boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'closed', 'merged')),
    is_draft boolean NOT NULL,
    head_sha text NOT NULL,
    labels text[] NOT NULL,
    requested_teams text[] NOT NULL,                -- slugs
    additions int,
    deletions int,
    changed_files int,
    review_decision text,                           -- GitHub's, where branch protection makes one
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,                -- the newest fact that was applied
    told text[] NOT NULL DEFAULT '{}',              -- what the facts of that second said: see bot/reviews/rules.py
    pushed_at timestamptz,
    round int NOT NULL DEFAULT 1                    -- counts up when it is reopened
);
CREATE INDEX pull_request_number ON pull_request (repository_id, number);

CREATE TABLE review_request (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pull_request_id bigint NOT NULL REFERENCES pull_request ON DELETE CASCADE,
    reviewer_id bigint NOT NULL,
    reviewer_login text NOT NULL,
    requested_by text,                              -- login; NULL: nobody told us
    is_again boolean NOT NULL,                      -- asked before in this round
    round int NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    close_reason text CHECK (close_reason IN
        ('approved', 'changes_requested', 'commented', 'unassigned', 'removed', 'merged', 'closed')),
    snoozed_until timestamptz,
    snoozed_until_change boolean NOT NULL DEFAULT false,
    muted_at timestamptz,
    CHECK ((closed_at IS NULL) = (close_reason IS NULL))
);
CREATE UNIQUE INDEX review_request_open ON review_request (pull_request_id, reviewer_id) WHERE closed_at IS NULL;
CREATE INDEX review_request_reviewer ON review_request (reviewer_id) WHERE closed_at IS NULL;
CREATE INDEX review_request_latest ON review_request (reviewer_id, opened_at);
CREATE INDEX review_request_pull_request ON review_request (pull_request_id, id);

CREATE TABLE review (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint PRIMARY KEY,
    pull_request_id bigint NOT NULL REFERENCES pull_request ON DELETE CASCADE,
    reviewer_id bigint NOT NULL,
    reviewer_login text NOT NULL,
    reviewer_is_bot boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('approved', 'changes_requested', 'commented', 'dismissed')),
    submitted_at timestamptz NOT NULL
);
CREATE INDEX review_pull_request ON review (pull_request_id, submitted_at);

-- A choice of reviewers with its reasons, stored before GitHub is asked.
CREATE TABLE assignment (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pull_request_id bigint NOT NULL REFERENCES pull_request ON DELETE CASCADE,
    decided_at timestamptz NOT NULL,
    decision jsonb NOT NULL,
    asked bigint[],                                 -- accounts that GitHub's answer lists; NULL: not asked yet
    refusals jsonb NOT NULL DEFAULT '{}'            -- login -> GitHub's reason
);
CREATE INDEX assignment_pull_request ON assignment (pull_request_id, id);

-- The outbox: one row a DM. Either about a review request (its sequence counts: 0 the first DM, then the
-- reminders), or a notice that an author gets once a round about a pull request.
CREATE TABLE message (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id bigint REFERENCES review_request ON DELETE CASCADE,
    sequence int,
    pull_request_id bigint REFERENCES pull_request ON DELETE CASCADE,
    notice text CHECK (notice IN ('nobody_reachable', 'nobody_left', 'no_answer')),
    round int,
    state text NOT NULL CHECK (state IN ('sending', 'sent', 'unknown', 'failed')),
    person_id bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    sending_at timestamptz NOT NULL,                -- application clock, when the call began
    sending_on timestamptz NOT NULL DEFAULT clock_timestamp(), -- real time of the same moment
    sent_at timestamptz,
    channel text,
    ts text,                                        -- Slack's id of the message
    shown text,                                     -- fingerprint of what it shows now
    error text,                                     -- why it failed, or why Slack refused an edit
    UNIQUE (request_id, sequence),
    UNIQUE (pull_request_id, notice, round),
    CHECK (num_nonnulls(request_id, sequence) = 2 AND num_nonnulls(pull_request_id, notice, round) = 0
        OR num_nonnulls(request_id, sequence) = 0 AND num_nonnulls(pull_request_id, notice, round) = 3)
);
CREATE INDEX message_person ON message (person_id, sending_at);

CREATE TABLE delivery (
    workspace_id bigint NOT NULL REFERENCES workspace,
    guid text PRIMARY KEY,
    event text NOT NULL,
    action text NOT NULL DEFAULT '',
    received_at timestamptz NOT NULL,
    fact jsonb,                                     -- the allow-listed fields; NULL: nothing to apply
    outcome text NOT NULL,                          -- queued, applied, late, tied, ignored, rejected
    note text NOT NULL DEFAULT ''                   -- what it led to, or why not
);
CREATE INDEX delivery_received ON delivery (received_at);

-- Slack re-posts what we answer late: an event_id or trigger_id has one effect.
CREATE TABLE slack_delivery (
    workspace_id bigint NOT NULL REFERENCES workspace,
    key text PRIMARY KEY,
    received_at timestamptz NOT NULL
);

-- What a person did in Slack, with how to take it back.
CREATE TABLE action (
    workspace_id bigint NOT NULL REFERENCES workspace,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    told text NOT NULL,                             -- the sentence the person was answered
    undo jsonb NOT NULL,
    done_at timestamptz NOT NULL,
    undone_at timestamptz
);
CREATE INDEX action_person ON action (person_id, id);

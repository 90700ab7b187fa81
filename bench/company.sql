-- Fills a new database for one company, whose measures are in the temporary table "size". Foreign keys are off meanwhile:
-- what is written here fits by itself. Statements end with a semicolon at the end of a line.
INSERT INTO person (workspace_id, slack_user_id, name, zone, spans, dms_per_day, dm_channel, welcomed_at)
SELECT workspace, 'U' || 200 + n, 'Person ' || n, 'Europe/Berlin', '{all_day}', 1000, 'D' || n, now()
FROM size, generate_series(0, people - 1) AS n;

INSERT INTO account (workspace_id, id, login, person_id)
SELECT workspace, 200 + n, 'person-' || n, person.id
FROM size, generate_series(0, people - 1) AS n
JOIN person ON slack_user_id = 'U' || 200 + n;

INSERT INTO absence (workspace_id, person_id, starts_at, ends_at)
SELECT workspace_id, id, now() - interval '20 days', now() - interval '10 days' FROM person WHERE id % 3 = 0;

INSERT INTO repository (workspace_id, id, installation_id, full_name, named_at)
SELECT workspace, 300 + n, {installation}, 'acme/service-' || n, now()
FROM size, generate_series(0, repositories - 1) AS n;

-- The older ones first, as they came. The last of each person is open.
CREATE TEMPORARY TABLE opened AS
SELECT {first} + n AS id, n AS number, workspace, 300 + n % repositories AS repository_id, n >= closed AS is_open,
    n % people AS author, 200 + team + (n + 1) % {team} AS first, 200 + team + (n + 3) % {team} AS second,
    now() - interval '{weeks} weeks' * (1 - n / (closed + people)::float) AS at
FROM size, generate_series(0, closed + people - 1) AS n,
    LATERAL (SELECT n % people / {team} * {team} AS team);

INSERT INTO pull_request (workspace_id, id, repository_id, number, title, url, author_id, author_login,
    author_is_bot, state, is_draft, head_sha, labels, requested_teams, additions, deletions, changed_files,
    created_at, updated_at)
SELECT workspace, id, repository_id, number, 'Round half to even in invoice ' || number,
    'https://github.com/acme/service/pull/' || number, 200 + author, 'person-' || author, false,
    CASE WHEN is_open THEN 'open' ELSE 'merged' END, false, md5(id::text) || '00000000', '{billing}', '{}',
    120, 40, 7, at, CASE WHEN is_open THEN at ELSE least(at + interval '1 day', now()) END
FROM opened ORDER BY id;

INSERT INTO review_request (workspace_id, pull_request_id, reviewer_id, reviewer_login, requested_by, is_again,
    round, opened_at, closed_at, close_reason)
SELECT workspace, id, reviewer, 'person-' || reviewer - 200, 'person-' || author, false, 1, at,
    CASE WHEN NOT is_open THEN at + interval '1 day' END, CASE WHEN NOT is_open THEN 'approved' END
FROM opened, unnest(ARRAY[first, second]) AS reviewer ORDER BY id;

INSERT INTO review (workspace_id, id, pull_request_id, reviewer_id, reviewer_login, reviewer_is_bot, state,
    submitted_at)
SELECT workspace, id * 2 + reviewer % 2, id, reviewer, 'person-' || reviewer - 200, false, 'approved',
    at + interval '1 day'
FROM opened, unnest(ARRAY[first, second]) AS reviewer WHERE NOT is_open ORDER BY id
ON CONFLICT DO NOTHING;

INSERT INTO reading (workspace_id, pull_request_id, head_sha, additions, deletions, changed_files, files, read_at)
SELECT workspace, id, md5(id::text) || '00000000', 120, 40, 7, '{"paths": 7, "matches": []}', at FROM opened;

INSERT INTO message (workspace_id, request_id, sequence, state, person_id, sending_at, sent_at, channel, ts, shown)
SELECT request.workspace_id, request.id, sequence, 'sent', account.person_id, sent.at, sent.at,
    'D' || reviewer_id, sent.at::text, md5(request.id::text)
FROM review_request AS request
JOIN account ON (account.workspace_id, account.id) = (request.workspace_id, reviewer_id),
    generate_series(0, 1) AS sequence, LATERAL (SELECT opened_at + sequence * interval '5 hours' AS at) AS sent
ORDER BY request.id;

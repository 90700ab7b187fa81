-- The workspace that a job belongs to, and whether anything may leave it now: $1 the kind of the job's subject, $2 its id.
SELECT
    workspace.id, slack_team_id AS team_id, name, bot_token AS sealed_token, gone_at,
    (SELECT value FROM setting WHERE setting.name = 'ripe_mode') AS chosen_mode,
    EXISTS (SELECT FROM pause WHERE pause.workspace_id = workspace.id AND resumed_at IS NULL) AS is_paused
FROM workspace
WHERE workspace.id = CASE $1::text
    WHEN 'installation' THEN (SELECT workspace_id FROM installation WHERE id = $2::bigint)
    WHEN 'person' THEN (SELECT workspace_id FROM person WHERE id = $2)
    WHEN 'pull_request' THEN (SELECT workspace_id FROM pull_request WHERE id = $2)
    WHEN 'review_request' THEN (SELECT workspace_id FROM review_request WHERE id = $2)
    WHEN 'workspace' THEN $2
END

-- The obstacles in force: all, or those of workspace $2, or those of pull request $3 and the people $4. A call that
-- waits has failed after $1. Waiting for Slack is over for a person who got a DM since; a refused edit is shown for a
-- week.
SELECT obstacle.id, obstacle.workspace_id, obstacle.person_id, call, reason, since, until,
    told_at IS NOT NULL AS is_reported,
    coalesce(
        repository.full_name || '#' || pull_request.number, installation.account_login, person.name,
        'an account') AS subject
FROM obstacle
LEFT JOIN pull_request ON pull_request.id = obstacle.pull_request_id
LEFT JOIN repository ON repository.id = pull_request.repository_id
LEFT JOIN installation ON installation.id = obstacle.installation_id
LEFT JOIN person ON person.id = obstacle.person_id
WHERE ($2::bigint IS NULL OR obstacle.workspace_id = $2)
    AND ($3::bigint IS NULL OR obstacle.pull_request_id = $3 OR obstacle.person_id = ANY($4::bigint[]))
    AND (until IS NULL OR last_at >= $1)
    AND (call <> 'edits' OR last_at >= $1::timestamptz - interval '6 days')
    AND (pull_request.state IS NULL OR pull_request.state = 'open')
    AND (call <> 'dms' OR NOT EXISTS (
        SELECT FROM message
        WHERE message.person_id = obstacle.person_id AND message.state = 'sent' AND sent_at > last_at))
ORDER BY since, obstacle.id

-- All that the next step about each of these review requests depends on: $1 their ids, $2 the person locked for each
-- (NULL: nobody), $3 and $4 when the day of each person begins and ends. One JSON object a request, with the fields
-- of reminder_state._Loaded.
SELECT jsonb_build_object(
    'request', jsonb_build_object('id', review_request.id, 'workspace_id', review_request.workspace_id,
        'pull_request_id', pull_request_id, 'reviewer_id', reviewer_id, 'reviewer_login', reviewer_login,
        'requested_by', requested_by, 'is_again', is_again, 'round', review_request.round, 'opened_at', opened_at,
        'closed_at', closed_at, 'close_reason', close_reason, 'snoozed_until', review_request.snoozed_until,
        'is_snoozed_until_change', snoozed_until_change, 'is_muted', muted_at IS NOT NULL),
    -- Without `told`, which only matters where facts are put in order.
    'pull_request', jsonb_build_object('id', pull_request.id, 'workspace_id', pull_request.workspace_id,
        'repository_id', repository_id, 'repository', repository.full_name, 'number', number, 'title', title,
        'url', url, 'author', jsonb_build_object('id', author_id, 'login', author_login, 'is_bot', author_is_bot),
        'state', pull_request.state, 'is_draft', is_draft, 'head_sha', head_sha, 'labels', labels,
        'requested_teams', requested_teams, 'additions', additions, 'deletions', deletions,
        'changed_files', changed_files, 'review_decision', review_decision, 'created_at', pull_request.created_at,
        'updated_at', updated_at, 'pushed_at', pushed_at, 'round', pull_request.round),
    'person', CASE WHEN person.id IS NOT NULL THEN jsonb_build_object('id', person.id,
        'workspace_id', person.workspace_id, 'slack_user_id', slack_user_id, 'name', name, 'zone', zone,
        'spans', spans, 'is_active', is_active, 'guest_allowed', guest_allowed,
        'max_open_reviews', max_open_reviews, 'dms_per_day', dms_per_day,
        'snoozed_until', person.snoozed_until, 'dm_channel', dm_channel, 'welcomed_at', welcomed_at,
        'absences', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('id', absence.id, 'starts_at', starts_at,
                'ends_at', least(ends_at, cancelled_at), 'cover_person_id', cover_person_id)
                ORDER BY starts_at, absence.id), '[]')
            FROM absence WHERE person_id = person.id AND (cancelled_at IS NULL OR cancelled_at > starts_at)))
        END,
    'config', (
        SELECT document FROM repository_config AS config
        WHERE config.workspace_id = repository.workspace_id AND config.full_name = lower(repository.full_name)),
    'assignments', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'decided_at', decided_at, 'decision', decision,
            'asked', asked, 'refusals', refusals) ORDER BY id), '[]')
        FROM assignment WHERE assignment.pull_request_id = pull_request.id),
    -- The newest verdict of each reviewer whose reviews count; a comment only where there is no verdict.
    'reviews', (
        SELECT coalesce(jsonb_agg(latest), '[]')
        FROM (
            SELECT DISTINCT ON (reviewer_id) reviewer_id, reviewer_login, state, submitted_at, may_write
            FROM review
            WHERE review.pull_request_id = pull_request.id AND reviewer_id <> author_id AND NOT reviewer_is_bot
            ORDER BY reviewer_id, state = 'commented', submitted_at DESC, id DESC
        ) AS latest),
    'messages', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'sequence', sequence, 'state', state,
            'sending_at', sending_at, 'sending_started_at', sending_on, 'sent_at', sent_at,
            'channel', channel, 'ts', ts, 'shown', shown, 'error', error) ORDER BY sequence), '[]')
        FROM message WHERE message.request_id = review_request.id),
    'dms_today', (
        SELECT count(*) FROM message
        WHERE message.person_id = person.id AND state <> 'failed'
            AND sending_at >= locked.day_begins_at AND sending_at < locked.day_ends_at),
    'dms_about_it_today', (
        SELECT count(*) FROM message JOIN review_request AS told ON told.id = message.request_id
        WHERE told.pull_request_id = pull_request.id AND message.person_id = person.id AND message.state <> 'failed'
            AND sending_at >= locked.day_begins_at AND sending_at < locked.day_ends_at),
    -- One that Slack refused counts: the next one comes tomorrow.
    'has_digest_today', EXISTS (
        SELECT FROM message
        WHERE message.person_id = person.id AND letter IN ('digest', 'backlog')
            AND sending_at >= locked.day_begins_at AND sending_at < locked.day_ends_at),
    'digested', (
        SELECT coalesce(jsonb_agg(sending_at ORDER BY sending_at), '[]')
        FROM digest_item JOIN message ON message.id = digest_item.message_id
        WHERE digest_item.request_id = review_request.id AND message.state <> 'failed'),
    'digest_planned_at', (
        SELECT min(planned_at) FROM digest_item
        WHERE digest_item.request_id = review_request.id AND message_id IS NULL),
    'is_unlisted', EXISTS (
        SELECT FROM backlog WHERE backlog.request_id = review_request.id AND message_id IS NULL),
    'quiet_until', quiet_until, 'synced_at', synced_at,
    'other_request_ids', (
        SELECT coalesce(jsonb_agg(other.id ORDER BY other.id), '[]')
        FROM account JOIN review_request AS other
            ON (other.workspace_id, other.reviewer_id) = (account.workspace_id, account.id)
        WHERE account.person_id = person.id AND other.closed_at IS NULL AND other.id <> review_request.id),
    'clock_moved_at', (SELECT moved_on + shift FROM sandbox_clock),
    'has_twin', EXISTS (
        SELECT FROM review_request AS twin
        JOIN account ON (account.workspace_id, account.id) = (twin.workspace_id, twin.reviewer_id)
        WHERE twin.pull_request_id = pull_request.id AND twin.closed_at IS NULL
            AND twin.id < review_request.id AND account.person_id = person.id),
    'is_backlog', EXISTS (SELECT FROM backlog WHERE backlog.request_id = review_request.id),
    'is_gone', repository.removed_at IS NOT NULL OR installation.deleted_at IS NOT NULL,
    'is_on_hold', installation.suspended_at IS NOT NULL OR EXISTS (
        SELECT FROM held WHERE held.pull_request_id = pull_request.id),
    'pause', (
        SELECT jsonb_build_object('workspace_id', workspace_id, 'paused_by', paused_by,
            'paused_by_name', paused_by_name, 'paused_at', paused_at)
        FROM pause WHERE pause.workspace_id = review_request.workspace_id AND resumed_at IS NULL)
) AS loaded
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
    AS locked (request_id, person_id, day_begins_at, day_ends_at)
JOIN review_request ON review_request.id = locked.request_id
JOIN pull_request ON pull_request.id = review_request.pull_request_id
JOIN repository ON repository.id = pull_request.repository_id
JOIN installation ON installation.id = repository.installation_id
LEFT JOIN person ON person.id = locked.person_id
ORDER BY review_request.id

-- The people from whom rules choose: $1 workspace, $2 logins, $3 now. One row for each login, in their order.
WITH just_chosen AS (
    -- The choices of the last minutes whose requests have not come by webhook yet. With them, reviews of pull
    -- requests that are opened together are shared out.
    SELECT (verdict ->> 'account_id')::bigint AS account_id
    FROM (
        SELECT pull_request_id, asked, decision FROM assignment
        WHERE workspace_id = $1 AND decided_at > $3::timestamptz - interval '10 minutes'
        ORDER BY decided_at DESC LIMIT 200
    ) AS recent, jsonb_array_elements(decision -> 'verdicts') AS verdict
    WHERE verdict ->> 'outcome' = 'asked'
        AND (asked IS NULL OR (verdict ->> 'account_id')::bigint = ANY (asked))
        AND NOT EXISTS (
            SELECT FROM review_request
            WHERE review_request.pull_request_id = recent.pull_request_id
                AND reviewer_id = (verdict ->> 'account_id')::bigint)
)
SELECT wanted.login AS asked_for, mapped.account_id, mapped.person_id, mapped.login, mapped.account_ids,
     waiting.load + chosen.load AS load, latest.last_asked_at
FROM unnest($2::text[]) WITH ORDINALITY AS wanted (login, place)
LEFT JOIN LATERAL (
    SELECT account.id AS account_id, account.person_id, account.login, array(
        SELECT mine.id FROM account AS mine WHERE mine.person_id = account.person_id) AS account_ids
    FROM account
    WHERE account.workspace_id = $1 AND lower(account.login) = lower(wanted.login)
    -- If a login was given up and taken by somebody else, the newer account has it now.
    ORDER BY account.id DESC LIMIT 1
) AS mapped ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS load
    FROM review_request JOIN pull_request ON pull_request.id = review_request.pull_request_id
    WHERE review_request.workspace_id = $1 AND reviewer_id = ANY (mapped.account_ids)
        AND closed_at IS NULL AND state = 'open' AND NOT is_draft
) AS waiting
CROSS JOIN LATERAL (
    SELECT count(*) AS load FROM just_chosen WHERE just_chosen.account_id = ANY (mapped.account_ids)
) AS chosen
CROSS JOIN LATERAL (
    SELECT max(opened_at) AS last_asked_at FROM review_request
    WHERE review_request.workspace_id = $1 AND reviewer_id = ANY (mapped.account_ids)
) AS latest
ORDER BY wanted.place;

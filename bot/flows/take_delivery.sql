-- Store deliveries, each under the workspace that find_workspace.sql finds. Facts for which it finds none are left out.
-- A GUID that is stored already changes nothing, unless it was rejected and can be read now. Rows are ordered by GUID,
-- so that two batches wait for one another in the same order.
-- $1 GUIDs, $2 events, $3 actions, $4 when they came, $5 facts, $6 outcomes, $7 notes, $8 installations, $9 accounts
INSERT INTO delivery (workspace_id, guid, event, action, received_at, fact, outcome, note)
SELECT place.workspace_id, guid, event, action, received_at, fact, outcome, note
FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::text[], $7::text[], $8::bigint[],
        $9::bigint[])
    AS new (guid, event, action, received_at, fact, outcome, note, installation_id, account_id)
CROSS JOIN LATERAL (
{find_workspace}
) AS place (workspace_id)
WHERE place.workspace_id IS NOT NULL OR new.installation_id IS NULL
ORDER BY guid
ON CONFLICT (guid) DO UPDATE SET (workspace_id, event, action, fact, outcome, note)
    = (excluded.workspace_id, excluded.event, excluded.action, excluded.fact, excluded.outcome, excluded.note)
WHERE delivery.outcome = 'rejected' AND excluded.outcome <> 'rejected'
RETURNING guid, outcome, CASE WHEN outcome = 'queued' THEN guid END AS job_key

-- The workspace that a fact belongs to: $1 its installation, $2 the account that this is on. Each may be NULL.
SELECT CASE
    WHEN $1::bigint IS NULL THEN (SELECT min(id) FROM workspace HAVING count(*) = 1 AND count(gone_at) = 0)
    WHEN installation.id IS NOT NULL THEN (
        -- It was given to a workspace, whose admins may have refused its account since.
        SELECT installation.workspace_id
        WHERE NOT EXISTS (
            SELECT FROM account_access
            WHERE account_access.workspace_id = installation.workspace_id
                AND account_access.account_id = installation.account_id AND state = 'refused'))
    -- Not if it waits on another account: an event may name somebody else as the owner of its repository.
    WHEN NOT EXISTS (
        SELECT FROM account_access WHERE installation_id = $1 AND account_id <> $2 AND state <> 'allowed')
    THEN (
        SELECT workspace_id FROM account_access
        WHERE account_id = $2::bigint AND state = 'allowed' AND EXISTS (
            SELECT FROM workspace WHERE workspace.id = workspace_id AND gone_at IS NULL))
END
FROM (SELECT) AS asked LEFT JOIN installation ON installation.id = $1

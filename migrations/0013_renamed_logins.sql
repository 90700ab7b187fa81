-- Rules name people by login, but a login can change. These are the accounts behind the logins (lower case) of a
-- repository's rules, as they were mapped when the rules were applied.
ALTER TABLE repository_config ADD COLUMN accounts jsonb NOT NULL DEFAULT '{}';
UPDATE repository_config SET accounts = coalesce((
    SELECT jsonb_object_agg(lower(named #>> '{}'), account.id)
    FROM (
        SELECT jsonb_path_query(document, '$.rules[*].people[*]') AS named
        UNION SELECT jsonb_path_query(document, '$.rules[*].fallback[*]')
        UNION SELECT jsonb_path_query(document, '$.fallback[*]')
    ) AS named_in_rules
    JOIN account ON account.workspace_id = repository_config.workspace_id AND lower(login) = lower(named #>> '{}')
), '{}');

ALTER TABLE account ADD COLUMN renamed_at timestamptz;  -- GitHub's time of the newest fact with another login

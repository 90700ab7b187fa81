-- The jobs that wait or run, the ripest first, for people. $1 limit, $2 only this id (null: all)
SELECT id, greatest(lane, ~lane) AS lane, job_type, arguments, ripe_at, created_at, tries, max_retries, base_retry_minutes, last_error,
       concurrency_key, concurrency_limit,
       coalesce(ripe_at, created_at) AS due_at,
       coalesce(leased_until >= statement_timestamp(), false) AS is_running
FROM job
WHERE $2::bigint IS NULL OR id = $2
ORDER BY due_at, id
LIMIT $1

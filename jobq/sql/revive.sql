-- Queue a dead job again, with all its tries. If the same job is queued already, only the dead row is deleted.
-- $1 id, $2 now
WITH revived AS (
    DELETE FROM job_dead WHERE id = $1
    RETURNING lane, job_type, arguments, max_retries, base_retry_minutes, concurrency_key, concurrency_limit
), queued AS (
    INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes,
                     concurrency_key, concurrency_limit)
    SELECT lane, job_type, arguments, $2, max_retries, base_retry_minutes, concurrency_key, concurrency_limit
    FROM revived
    ON CONFLICT (unique_signature) DO NOTHING
)
SELECT lane, $2 AS due_at FROM revived

-- Of deleted jobs, queue anew those that were saved again while they ran.
    RETURNING id, lane, job_type, arguments, created_at, max_retries, base_retry_minutes, again_at,
              concurrency_key, concurrency_limit
), requeued AS (
    INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes,
                     concurrency_key, concurrency_limit)
    SELECT lane, job_type, arguments, again_at, created_at, max_retries, base_retry_minutes,
           concurrency_key, concurrency_limit
    FROM finished
    WHERE again_at IS NOT NULL
)

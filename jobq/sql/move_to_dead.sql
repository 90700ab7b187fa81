-- Move jobs that failed once too often to job_dead. A job that was saved again while it ran is queued as a new row.
-- $1 ids, $2 fences, $3 tries, $4 errors, $5 now
WITH failed AS (
    SELECT job.id, leases.tries, leases.last_error
    FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[]) AS leases (id, fence, tries, last_error)
    JOIN job ON job.id = leases.id AND job.fence = leases.fence
    WHERE job.leased_until IS NOT NULL
    ORDER BY job.id
    FOR UPDATE OF job SKIP LOCKED
), dead AS (
    DELETE FROM job USING failed WHERE job.id = failed.id
    RETURNING job.id, job.lane, job.job_type, job.arguments, job.ripe_at, job.created_at, job.max_retries,
              job.base_retry_minutes, job.again_at, job.last_error, job.concurrency_key, job.concurrency_limit,
              failed.tries AS final_tries, failed.last_error AS final_error
), moved AS (
    INSERT INTO job_dead (id, lane, job_type, arguments, ripe_at, created_at, tries, max_retries,
                          base_retry_minutes, last_error, died_at, concurrency_key, concurrency_limit)
    SELECT id, lane, job_type, arguments, ripe_at, created_at, final_tries, max_retries,
           base_retry_minutes, coalesce(final_error, last_error), $5, concurrency_key, concurrency_limit
    FROM dead
), requeued AS (
    INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes,
                     concurrency_key, concurrency_limit)
    SELECT lane, job_type, arguments, again_at, created_at, max_retries, base_retry_minutes,
           concurrency_key, concurrency_limit
    FROM dead
    WHERE again_at IS NOT NULL
)
SELECT id, again_at FROM dead

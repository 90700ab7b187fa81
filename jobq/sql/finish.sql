-- Delete jobs that are done or discarded. A job that was saved again while it ran is queued as a new row.
-- Rows that another transaction has locked are skipped; the next batch deletes them. $1 ids, $2 fences
WITH finished AS (
    DELETE FROM job
    WHERE id = ANY (ARRAY(
        SELECT job.id
        FROM unnest($1::bigint[], $2::int[]) AS leases (id, fence)
        JOIN job ON job.id = leases.id AND job.fence = leases.fence
        WHERE job.leased_until IS NOT NULL
        ORDER BY job.id
        FOR UPDATE OF job SKIP LOCKED
    ))
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
SELECT id, again_at FROM finished

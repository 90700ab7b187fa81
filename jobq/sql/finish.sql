-- Done or discarded: the row goes. What was saved while it ran is queued afresh, as a new row.
-- Rows that another transaction has locked are skipped: they go with the next flush.
WITH finished AS (
    DELETE FROM job
    WHERE id = ANY (ARRAY(
        SELECT job.id
        FROM unnest($1::bigint[], $2::int[]) AS held (id, fence)
        JOIN job ON job.id = held.id AND job.fence = held.fence
        WHERE job.leased_until IS NOT NULL
        ORDER BY job.id
        FOR UPDATE OF job SKIP LOCKED
    ))
    RETURNING *
), afresh AS (
    INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes)
    SELECT lane, job_type, arguments, again_at, created_at, max_retries, base_retry_minutes
    FROM finished
    WHERE again_at IS NOT NULL
)
SELECT id, again_at FROM finished

-- Queue a job. If it waits already, the earlier time wins; if it runs, it will run once more.
-- A job that was saved without a concurrency key takes this one.
-- $1 lane, $2 type, $3 arguments, $4 when it is ripe (null: now), $5 now, $6 max_retries, $7 base_retry_minutes,
-- $8 concurrency key, $9 its limit
INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes,
                 concurrency_key, concurrency_limit)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (unique_signature) DO UPDATE SET
    again_at = CASE WHEN job.leased_until IS NOT NULL
                    THEN least(job.again_at, coalesce(excluded.ripe_at, excluded.created_at)) END,
    ripe_at  = CASE WHEN job.leased_until IS NOT NULL THEN job.ripe_at
                    -- Not null: its age would then count from its first save.
                    ELSE coalesce(excluded.ripe_at, excluded.created_at) END,
    concurrency_key   = coalesce(job.concurrency_key, excluded.concurrency_key),
    concurrency_limit = coalesce(job.concurrency_limit, excluded.concurrency_limit)
WHERE job.leased_until IS NOT NULL
   OR coalesce(excluded.ripe_at, excluded.created_at) < coalesce(job.ripe_at, job.created_at)
RETURNING greatest(lane, ~lane) AS lane, CASE WHEN leased_until IS NULL THEN coalesce(ripe_at, created_at) END AS due_at

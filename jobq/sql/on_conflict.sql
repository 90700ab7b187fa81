-- A job with this signature waits or runs already: see save.sql.
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

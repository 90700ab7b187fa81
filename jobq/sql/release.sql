-- Let jobs wait again: postponed, to be retried, or given back. A save while the job ran may bring it forward, and
-- resets its tries. The slot of its concurrency key is free again. $1 ids, $2 fences, $3 when they are ripe, $4 tries, $5 errors,
-- $6 how often in a row it was given back
WITH released AS (
    SELECT job.id, leases.ripe_at, leases.tries, leases.last_error, leases.give_backs
    FROM unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::int[], $5::text[], $6::int[])
        AS leases (id, fence, ripe_at, tries, last_error, give_backs)
    JOIN job ON job.id = leases.id AND job.fence = leases.fence
    WHERE job.leased_until IS NOT NULL
    ORDER BY job.id
    FOR UPDATE OF job SKIP LOCKED
)
UPDATE job
SET ripe_at = least(job.again_at, released.ripe_at),
    tries = CASE WHEN job.again_at IS NULL THEN released.tries ELSE 0 END,
    give_backs = CASE WHEN job.again_at IS NULL THEN released.give_backs ELSE 0 END,
    last_error = coalesce(released.last_error, job.last_error),
    again_at = NULL,
    leased_until = NULL,
    slot = NULL
FROM released
WHERE job.id = released.id
RETURNING job.id, coalesce(job.ripe_at, job.created_at) AS again_at

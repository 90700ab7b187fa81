-- A heartbeat: the leases that are still ours last longer. Rows that another transaction has locked are skipped.
UPDATE job
SET leased_until = statement_timestamp() + $3::interval
WHERE id = ANY (ARRAY(
    SELECT job.id
    FROM unnest($1::bigint[], $2::int[]) AS held (id, fence)
    JOIN job ON job.id = held.id AND job.fence = held.fence
    WHERE job.leased_until IS NOT NULL
    ORDER BY job.id
    FOR NO KEY UPDATE OF job SKIP LOCKED
))
RETURNING id

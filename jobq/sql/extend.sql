-- A heartbeat: extend the leases that are still ours. Rows that another transaction has locked are skipped.
-- $1 ids, $2 fences, $3 lease
UPDATE job
SET leased_until = statement_timestamp() + $3::interval
WHERE id = ANY (ARRAY(
    SELECT job.id
    FROM unnest($1::bigint[], $2::int[]) AS leases (id, fence)
    JOIN job ON job.id = leases.id AND job.fence = leases.fence
    WHERE job.leased_until IS NOT NULL
    ORDER BY job.id
    FOR NO KEY UPDATE OF job SKIP LOCKED
))
RETURNING id

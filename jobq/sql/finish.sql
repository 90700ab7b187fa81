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
{requeue}
SELECT id, again_at FROM finished

-- Delete jobs that are done, inside the transaction that did their work. It waits for rows that another transaction has
-- locked, so that a row that is not returned has lost its lease. A job that was saved again while it ran is queued as
-- a new row. LATERAL: on a connection of the pool, Postgres would plan some runs as a scan of the whole table.
-- $1 ids in order, $2 fences
WITH finished AS (
    DELETE FROM job
    WHERE id = ANY (ARRAY(
        SELECT locked.id
        FROM unnest($1::bigint[], $2::int[]) AS leases (id, fence)
        CROSS JOIN LATERAL (
            SELECT job.id
            FROM job
            WHERE job.id = leases.id AND job.fence = leases.fence AND job.leased_until IS NOT NULL
            FOR UPDATE
        ) AS locked
    ))
{requeue}
SELECT id, lane, again_at FROM finished

-- Which of these claims still hold. Returns once they are as durable as the session demands: on disk, and on the
-- standbys that it waits for. Postgres waits only for a commit that wrote something, so this writes a message that
-- nobody reads. https://www.postgresql.org/docs/current/wal-async-commit.html
-- $1 ids, $2 fences
SELECT job.id
FROM unnest($1::bigint[], $2::int[]) AS leases (id, fence)
JOIN job ON job.id = leases.id AND job.fence = leases.fence
CROSS JOIN pg_logical_emit_message(true, 'jobq', '')
WHERE job.leased_until IS NOT NULL

-- Which of these claims hold, answered once they are as durable as this session wants it: on disk, and on the standbys
-- that it waits for. Postgres waits only for a commit that wrote something, so this writes a message that nobody reads.
-- https://www.postgresql.org/docs/current/wal-async-commit.html
SELECT job.id
FROM unnest($1::bigint[], $2::int[]) AS held (id, fence)
JOIN job ON job.id = held.id AND job.fence = held.fence
CROSS JOIN pg_logical_emit_message(true, 'jobq', '')
WHERE job.leased_until IS NOT NULL

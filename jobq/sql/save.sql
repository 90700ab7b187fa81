-- Queue a job. If it waits already, the earlier time wins; if it runs, it will run once more.
-- A job that was saved without a concurrency key takes this one.
-- $1 lane, $2 type, $3 arguments, $4 when it is ripe (null: now), $5 now, $6 max_retries, $7 base_retry_minutes,
-- $8 concurrency key, $9 its limit
INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes,
                 concurrency_key, concurrency_limit)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
{on_conflict}
RETURNING greatest(lane, ~lane) AS lane, CASE WHEN leased_until IS NULL THEN coalesce(ripe_at, created_at) END AS due_at

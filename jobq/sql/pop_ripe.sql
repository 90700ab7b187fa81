-- Delete and return the ripest job of a lane whose concurrency key, if it has one, has a slot for it.
-- $1 lane (~lane: its blocked jobs), $2 now
DELETE FROM job
WHERE id = ANY (ARRAY(
    SELECT id
    FROM job
    WHERE lane = $1
      AND coalesce(ripe_at, created_at) <= $2
      AND (leased_until IS NULL OR leased_until < statement_timestamp())
      AND (concurrency_key IS NULL OR slot IS NOT NULL OR concurrency_limit > (
          SELECT count(*) FROM job AS running
          WHERE running.lane = greatest($1, ~$1) AND running.concurrency_key = job.concurrency_key
            AND running.slot IS NOT NULL
      ))
    ORDER BY coalesce(ripe_at, created_at), id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
))
RETURNING job_type, arguments, greatest(lane, ~lane) AS lane, max_retries, base_retry_minutes, ripe_at, concurrency_key,
          concurrency_limit

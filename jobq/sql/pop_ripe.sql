-- Delete and return the ripest job of a lane. $1 lane, $2 now
DELETE FROM job
WHERE id = ANY (ARRAY(
    SELECT id
    FROM job
    WHERE lane = $1
      AND coalesce(ripe_at, created_at) <= $2
      AND (leased_until IS NULL OR leased_until < statement_timestamp())
    ORDER BY coalesce(ripe_at, created_at), id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
))
RETURNING job_type, arguments, lane, max_retries, base_retry_minutes, ripe_at

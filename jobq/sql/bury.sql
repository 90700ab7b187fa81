-- Failed once too often: the row moves to job_dead. What was saved while it ran is queued afresh.
-- $1 ids, $2 fences, $3 tries, $4 errors, $5 now
WITH failed AS (
    SELECT job.id, held.tries, held.last_error
    FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[]) AS held (id, fence, tries, last_error)
    JOIN job ON job.id = held.id AND job.fence = held.fence
    WHERE job.leased_until IS NOT NULL
    ORDER BY job.id
    FOR UPDATE OF job SKIP LOCKED
), dying AS (
    DELETE FROM job USING failed WHERE job.id = failed.id
    RETURNING job.*, failed.tries AS final_tries, failed.last_error AS final_error
), buried AS (
    INSERT INTO job_dead (id, lane, job_type, arguments, ripe_at, created_at, tries, max_retries,
                          base_retry_minutes, last_error, died_at)
    SELECT id, lane, job_type, arguments, ripe_at, created_at, final_tries, max_retries,
           base_retry_minutes, coalesce(final_error, last_error), $5
    FROM dying
), afresh AS (
    INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes)
    SELECT lane, job_type, arguments, again_at, created_at, max_retries, base_retry_minutes
    FROM dying
    WHERE again_at IS NOT NULL
)
SELECT id, again_at FROM dying

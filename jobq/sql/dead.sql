-- The dead jobs, the last to die first. $1 limit
SELECT id, lane, job_type, arguments, ripe_at, created_at, tries, max_retries, base_retry_minutes, last_error, died_at,
       concurrency_key, concurrency_limit
FROM job_dead ORDER BY died_at DESC, id DESC LIMIT $1

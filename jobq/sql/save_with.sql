-- Run a statement of the application, and queue the jobs of the rows that it returns, each as save.sql does. It stands
-- in `stored`, and its parameters come after these.
-- $1 keys, $2 lanes, $3 types, $4 arguments, $5 when they are ripe (null: now), $6 now, $7 max_retries,
-- $8 base_retry_minutes, $9 concurrency keys, $10 their limits
WITH stored AS (
{statement}
), saved AS (
    INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes,
                     concurrency_key, concurrency_limit)
    SELECT DISTINCT ON (signature)
           lane, job_type, arguments, ripe_at, $6, max_retries, base_retry_minutes, concurrency_key, concurrency_limit
    FROM (
        SELECT new.*, md5(job_type || E'\x1f' || arguments::text) AS signature
        FROM unnest($1::text[], $2::smallint[], $3::text[], $4::jsonb[], $5::timestamptz[], $7::int[], $8::int[],
                    $9::text[], $10::smallint[])
            AS new (job_key, lane, job_type, arguments, ripe_at, max_retries, base_retry_minutes, concurrency_key,
                    concurrency_limit)
        JOIN stored USING (job_key)
    ) AS signed
    ORDER BY signature, coalesce(ripe_at, $6)
    {on_conflict}
)
SELECT * FROM stored

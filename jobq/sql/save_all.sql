-- Queue many jobs, each as save.sql does. Postgres removes the duplicates among them, because only it knows which
-- jsonb values are equal. They are ordered by signature, so that two batches lock rows in the same order. Returns for
-- each lane when its soonest job is due. A row for each job would take a third of the time.
-- $1 lanes, $2 types, $3 arguments, $4 when they are ripe (null: now), $5 now, $6 max_retries, $7 base_retry_minutes,
-- $8 concurrency keys, $9 their limits
WITH saved AS (
    INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes,
                     concurrency_key, concurrency_limit)
    SELECT DISTINCT ON (signature)
           lane, job_type, arguments, ripe_at, $5, max_retries, base_retry_minutes, concurrency_key, concurrency_limit
    FROM (
        SELECT *, md5(job_type || E'\x1f' || arguments::text) AS signature
        FROM unnest($1::smallint[], $2::text[], $3::jsonb[], $4::timestamptz[], $6::int[], $7::int[], $8::text[],
                    $9::smallint[])
            AS new (lane, job_type, arguments, ripe_at, max_retries, base_retry_minutes, concurrency_key,
                    concurrency_limit)
    ) AS signed
    ORDER BY signature, coalesce(ripe_at, $5)
    {on_conflict}
    RETURNING greatest(lane, ~lane) AS lane,
              CASE WHEN leased_until IS NULL THEN coalesce(ripe_at, created_at) END AS due_at
)
SELECT lane, min(due_at) AS due_at FROM saved GROUP BY lane

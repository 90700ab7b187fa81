-- The concurrency keys that have blocked jobs. Steps from key to key through the index. $1 lane
WITH RECURSIVE keys AS (
    (
        SELECT concurrency_key FROM job WHERE lane = ~$1::smallint AND lane < 0
        ORDER BY concurrency_key LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT job.concurrency_key FROM job
        WHERE job.lane = ~$1 AND job.lane < 0 AND job.concurrency_key > keys.concurrency_key
        ORDER BY job.concurrency_key LIMIT 1
    )
    FROM keys WHERE keys.concurrency_key IS NOT NULL
)
SELECT concurrency_key FROM keys WHERE concurrency_key IS NOT NULL

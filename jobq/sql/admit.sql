-- Give the free slots of concurrency keys to their ripest jobs, and block the other jobs that have arrived. Needs the
-- lock of admission_lock.sql. Returns how many had arrived, and when the ripest admitted job was due.
-- $1 lane, $2 now, $3 keys whose blocked jobs may get a slot, $4 how many arrived jobs to look at, $5 of those due since
WITH arrived AS MATERIALIZED (
    SELECT id, concurrency_key, concurrency_limit, coalesce(ripe_at, created_at) AS due_at
    FROM job
    WHERE lane = $1 AND lane >= 0 AND concurrency_key IS NOT NULL AND slot IS NULL
      AND coalesce(ripe_at, created_at) BETWEEN $5 AND $2
      AND (leased_until IS NULL OR leased_until < statement_timestamp())
    ORDER BY coalesce(ripe_at, created_at), id
    LIMIT $4
    FOR NO KEY UPDATE SKIP LOCKED
), keys AS MATERIALIZED (
    SELECT concurrency_key,
           ARRAY(
               SELECT job.slot FROM job
               WHERE job.lane = $1 AND job.concurrency_key = named.concurrency_key AND job.slot IS NOT NULL
           ) AS taken,
           greatest(max(concurrency_limit), (
               SELECT job.concurrency_limit FROM job
               WHERE job.lane = ~$1 AND job.lane < 0 AND job.concurrency_key = named.concurrency_key
               ORDER BY coalesce(job.ripe_at, job.created_at), job.id
               LIMIT 1
           )) AS slots
    FROM (
        SELECT concurrency_key, concurrency_limit FROM arrived
        UNION ALL
        SELECT unnest($3::text[]), NULL
    ) AS named
    GROUP BY concurrency_key
), blocked AS MATERIALIZED (
    SELECT first.*
    FROM keys CROSS JOIN LATERAL (
        SELECT job.id, job.concurrency_key, job.concurrency_limit, coalesce(job.ripe_at, job.created_at) AS due_at
        FROM job
        WHERE job.lane = ~$1 AND job.lane < 0 AND job.concurrency_key = keys.concurrency_key
          AND coalesce(job.ripe_at, job.created_at) <= $2
        ORDER BY coalesce(job.ripe_at, job.created_at), job.id
        LIMIT greatest(keys.slots - cardinality(keys.taken), 0)
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS first
), waiting AS (
    SELECT *, row_number() OVER (PARTITION BY concurrency_key ORDER BY due_at, id) AS place
    FROM (SELECT * FROM arrived UNION ALL SELECT * FROM blocked) AS both_kinds
), free AS (
    SELECT concurrency_key, slot, row_number() OVER (PARTITION BY concurrency_key ORDER BY slot) AS place
    FROM keys CROSS JOIN generate_series(1, keys.slots) AS slot
    WHERE slot <> ALL (keys.taken)
), decided AS MATERIALIZED (
    SELECT waiting.id, free.slot
    FROM waiting
    LEFT JOIN free ON free.concurrency_key = waiting.concurrency_key
                  AND free.place = waiting.place
                  AND free.slot <= waiting.concurrency_limit
), moved AS (
    UPDATE job
    SET slot = decided.slot, lane = CASE WHEN decided.slot IS NULL THEN ~$1 ELSE $1 END
    FROM decided
    WHERE job.id = decided.id AND (decided.slot IS NOT NULL OR job.lane >= 0)
    RETURNING job.slot, coalesce(job.ripe_at, job.created_at) AS due_at
)
SELECT (SELECT count(*) FROM arrived) AS arrived, min(due_at) FILTER (WHERE slot IS NOT NULL) AS due_at FROM moved

-- The lanes that have a ripe job, the one with the ripest first. Steps from lane to lane through the index. $1 now
WITH RECURSIVE known AS (
    SELECT min(lane) AS lane FROM job
    UNION ALL
    SELECT (SELECT min(job.lane) FROM job WHERE job.lane > known.lane) FROM known WHERE known.lane IS NOT NULL
)
SELECT known.lane
FROM known
CROSS JOIN LATERAL (
    SELECT coalesce(ripe_at, created_at) AS due_at, id
    FROM job
    WHERE job.lane = known.lane
      AND coalesce(ripe_at, created_at) <= $1
      AND (leased_until IS NULL OR leased_until < statement_timestamp())
    ORDER BY coalesce(ripe_at, created_at), id
    LIMIT 1
) AS ripest
ORDER BY ripest.due_at, ripest.id

-- The lanes that have a ripe job, the lane with the ripest job first. Steps from lane to lane through the index.
-- The blocked jobs of a lane are in the lane ~lane. `needs_slot`: that job waits for a slot of its key. $1 now
WITH RECURSIVE lanes AS (
    SELECT min(lane) AS lane FROM job
    UNION ALL
    SELECT (SELECT min(job.lane) FROM job WHERE job.lane > lanes.lane) FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lanes.lane, ripest.needs_slot
FROM lanes
CROSS JOIN LATERAL (
    SELECT coalesce(ripe_at, created_at) AS due_at, id, concurrency_key IS NOT NULL AND slot IS NULL AS needs_slot
    FROM job
    WHERE job.lane = lanes.lane
      AND coalesce(ripe_at, created_at) <= $1
      AND (leased_until IS NULL OR leased_until < statement_timestamp())
    ORDER BY coalesce(ripe_at, created_at), id
    LIMIT 1
) AS ripest
ORDER BY ripest.due_at, ripest.id

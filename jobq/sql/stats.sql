-- Per lane: how many jobs are ready, blocked, in the future, leased or dead, and since when the oldest ready job is due.
-- $1 now
SELECT lane,
       count(*) FILTER (WHERE NOT leased AND due_at <= $1 AND NOT blocked) AS ready,
       count(*) FILTER (WHERE blocked) AS blocked,
       count(*) FILTER (WHERE NOT leased AND due_at > $1 AND NOT blocked) AS future,
       count(*) FILTER (WHERE leased) AS leased,
       count(*) FILTER (WHERE due_at IS NULL) AS dead,
       min(due_at) FILTER (WHERE NOT leased AND due_at <= $1 AND NOT blocked) AS oldest_due_at
FROM (
    SELECT greatest(lane, ~lane) AS lane, lane < 0 AS blocked, coalesce(ripe_at, created_at) AS due_at,
           coalesce(leased_until >= statement_timestamp(), false) AS leased
    FROM job
    UNION ALL
    SELECT lane, false, NULL, false FROM job_dead
) AS jobs
GROUP BY lane
ORDER BY lane

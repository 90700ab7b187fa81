-- Which of these leases are still ours? Reads only, so that no lock can hide a row.
SELECT job.id
FROM unnest($1::bigint[], $2::int[]) AS held (id, fence)
JOIN job ON job.id = held.id AND job.fence = held.fence
WHERE job.leased_until IS NOT NULL

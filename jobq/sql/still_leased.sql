-- Which of these leases are still ours. Only reads, so that it sees locked rows as well. $1 ids, $2 fences
SELECT job.id
FROM unnest($1::bigint[], $2::int[]) AS leases (id, fence)
JOIN job ON job.id = leases.id AND job.fence = leases.fence
WHERE job.leased_until IS NOT NULL

-- Delete a page of the jobs that died before an instant. $1 instant, $2 page size
DELETE FROM job_dead
WHERE id = ANY (ARRAY(SELECT id FROM job_dead WHERE died_at < $1 ORDER BY died_at, id LIMIT $2))

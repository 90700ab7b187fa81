-- One page of the jobs that died before an instant. $1 before, $2 how many
DELETE FROM job_dead
WHERE id = ANY (ARRAY(SELECT id FROM job_dead WHERE died_at < $1 ORDER BY died_at, id LIMIT $2))

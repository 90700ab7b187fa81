-- The dead jobs, the last to die first. $1 limit
SELECT * FROM job_dead ORDER BY died_at DESC, id DESC LIMIT $1

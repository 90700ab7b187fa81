SELECT * FROM job_dead ORDER BY died_at DESC, id DESC LIMIT $1

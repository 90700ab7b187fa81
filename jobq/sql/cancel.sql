-- Delete a job, running or not. $1 type, $2 arguments
DELETE FROM job WHERE unique_signature = md5($1 || E'\x1f' || $2::jsonb::text)::uuid RETURNING id

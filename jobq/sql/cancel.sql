-- Delete a job, running or not. Returns whether it had a slot of its concurrency key. $1 type, $2 arguments
DELETE FROM job WHERE unique_signature = md5($1 || E'\x1f' || $2::jsonb::text)::uuid
RETURNING greatest(lane, ~lane) AS lane, slot IS NOT NULL AS had_slot

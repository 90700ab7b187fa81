-- Whether it runs or not: a running one finds its row gone. $1 type, $2 arguments
DELETE FROM job WHERE unique_signature = md5($1 || E'\x1f' || $2::jsonb::text)::uuid RETURNING id

-- Set when a job is ripe, earlier or later than before. For a running job, set when it runs again. If a job with a
-- concurrency key waits, it is neither blocked nor admitted afterwards.
-- $1 type, $2 arguments, $3 when
UPDATE job
SET ripe_at  = CASE WHEN leased_until IS NULL THEN $3 ELSE ripe_at END,
    again_at = CASE WHEN leased_until IS NULL THEN NULL ELSE $3 END,
    tries    = CASE WHEN leased_until IS NULL THEN 0 ELSE tries END,
    lane     = greatest(lane, ~lane),
    slot     = CASE WHEN leased_until IS NULL THEN NULL ELSE slot END
WHERE unique_signature = md5($1 || E'\x1f' || $2::jsonb::text)::uuid
RETURNING lane, CASE WHEN leased_until IS NULL THEN ripe_at END AS due_at,
          leased_until IS NULL AND concurrency_key IS NOT NULL AS may_have_freed_slot

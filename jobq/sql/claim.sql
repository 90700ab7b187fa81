-- Lease the ripest jobs of a lane, and return when the next one ripens, so that an idle worker needs no other statement.
-- A job with a concurrency key needs a slot. Returns whether any has arrived without one, and, if the claim begins at the
-- start of the lane, whether any is blocked.
-- `= ANY (ARRAY(SELECT ... LIMIT))` stays on the index under a generic plan; `IN (SELECT ... LIMIT)` does not.
-- $1 lane, $2 now, ($3, $4) the position to start after, $5 limit, $6 lease, $7 the error to store if the lease expired,
-- $8 synchronous_commit for this statement (null: the session's)
WITH claimed AS (
    UPDATE job
    SET leased_until = statement_timestamp() + $6::interval,
        -- Random instead of counted: a crash or a failover may undo a claim. Then its worker must not have the
        -- fence of the next claim.
        fence = (random() * 2147483647)::int,
        tries = tries + 1,
        last_error = CASE WHEN leased_until IS NULL THEN last_error ELSE $7 END
    WHERE id = ANY (ARRAY(
        SELECT id
        FROM job
        WHERE lane = $1
          AND coalesce(ripe_at, created_at) <= $2
          AND (coalesce(ripe_at, created_at), id) > ($3::timestamptz, $4::bigint)
          AND (leased_until IS NULL OR leased_until < statement_timestamp())
          AND (concurrency_key IS NULL OR slot IS NOT NULL)
        ORDER BY coalesce(ripe_at, created_at), id
        LIMIT $5
        FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING id, job_type, arguments, ripe_at, created_at, lane, fence, tries, max_retries, base_retry_minutes,
              last_error, give_backs, concurrency_key
)
SELECT claimed.*, next.due_at AS next_due_at, next.has_arrived, next.has_blocked
FROM set_config('synchronous_commit', coalesce($8, current_setting('synchronous_commit')), true), (
    SELECT (
        SELECT coalesce(ripe_at, created_at)
        FROM job
        WHERE lane = $1 AND coalesce(ripe_at, created_at) > $2
        ORDER BY coalesce(ripe_at, created_at), id
        LIMIT 1
    ) AS due_at, EXISTS (
        SELECT FROM job
        WHERE lane = $1 AND lane >= 0 AND concurrency_key IS NOT NULL AND slot IS NULL
          AND coalesce(ripe_at, created_at) <= $2
          AND (coalesce(ripe_at, created_at), id) > ($3, $4)
          AND (leased_until IS NULL OR leased_until < statement_timestamp())
    ) AS has_arrived, $4 = 0 AND EXISTS (
        SELECT FROM job WHERE lane = ~$1 AND lane < 0
    ) AS has_blocked
) AS next
LEFT JOIN claimed ON true

-- Be the only one who admits jobs to this lane until the transaction ends. The next statement sees what the one before
-- admitted; a single statement would count by a snapshot from before it had the lock. A crash may undo an admission,
-- so it need not reach the disk. $1 lane, $2 for how long the session may hold the lock idle (null: the session's)
SELECT set_config('synchronous_commit', 'off', true),
       set_config('idle_in_transaction_session_timeout',
                  coalesce($2, current_setting('idle_in_transaction_session_timeout')), true),
       pg_advisory_xact_lock(hashtext('jobq.admission'), $1::smallint)

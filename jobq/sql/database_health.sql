-- Postgres's clock, and for how long the oldest snapshot or transaction of this database has kept dead rows from being
-- removed. This session does not count, nor does autovacuum.
SELECT clock_timestamp() AS now,
       (
           SELECT clock_timestamp() - xact_start
           FROM pg_stat_activity
           WHERE datname = current_database()
             AND pid <> pg_backend_pid()
             AND backend_type <> 'autovacuum worker'
             AND coalesce(backend_xmin, backend_xid) IS NOT NULL
           ORDER BY greatest(age(backend_xmin), age(backend_xid)) DESC
           LIMIT 1
       ) AS oldest_snapshot_age

"""The record that Postgres keeps of a torture test, and the questions to it."""

PREPARE = """
CREATE TABLE ran (
    job_id bigint, n int, pid int, fence int, tries int, started_at timestamptz DEFAULT clock_timestamp()
);
CREATE INDEX ON ran (job_id, fence);
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL DEFAULT current_setting('application_name'),
    what text NOT NULL,
    job_id bigint NOT NULL,
    fence int NOT NULL,
    lease_before timestamptz
);
CREATE INDEX ON audit (job_id, fence);
CREATE FUNCTION audit_job() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what text := CASE
        WHEN TG_OP = 'DELETE' THEN 'settled'
        WHEN NEW.fence <> OLD.fence THEN 'claimed'
        WHEN NEW.leased_until IS NULL AND OLD.leased_until IS NOT NULL THEN 'settled'
        WHEN NEW.leased_until <> OLD.leased_until THEN 'kept'
    END;
BEGIN
    IF what IS NOT NULL THEN
        INSERT INTO audit (what, job_id, fence, lease_before)
        VALUES (what, OLD.id, CASE WHEN what = 'claimed' THEN NEW.fence ELSE OLD.fence END, OLD.leased_until);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_job AFTER UPDATE OR DELETE ON job FOR EACH ROW EXECUTE FUNCTION audit_job();
"""

FORGET = """
DROP TRIGGER IF EXISTS audit_job ON job;
DROP FUNCTION IF EXISTS audit_job;
DROP TABLE IF EXISTS audit, ran;
"""

COUNT = {
    "job": "SELECT count(*) FROM job",
    "job_dead": "SELECT count(*) FROM job_dead",
    "ran": "SELECT count(*) FROM ran",
}
RUNS = "SELECT n, count(*) AS runs FROM ran GROUP BY n"
RESCUES = "SELECT count(*) FROM audit WHERE what = 'claimed' AND lease_before IS NOT NULL"
# A claim that waited for a lock is recorded after the instant at which it checked the lease.
STOLEN = """
SELECT count(*) FROM audit
WHERE what = 'claimed' AND lease_before > at
"""
STALE = """
SELECT count(*) FROM audit AS written
WHERE what <> 'claimed' AND NOT EXISTS (
    SELECT FROM audit AS claim
    WHERE claim.what = 'claimed' AND claim.job_id = written.job_id
      AND claim.fence = written.fence AND claim.who = written.who
)
"""
BUSY_PID = """
SELECT ran.pid FROM ran JOIN job ON job.id = ran.job_id AND job.fence = ran.fence
WHERE job.leased_until > clock_timestamp()
ORDER BY ran.started_at DESC
LIMIT 1
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
SLOWEST_RESCUE = """
SELECT max(rescue.at - life.at) FROM audit AS rescue, LATERAL (
    SELECT max(at) AS at FROM audit AS sign
    WHERE sign.job_id = rescue.job_id AND sign.fence <> rescue.fence AND sign.at < rescue.at
) AS life
WHERE rescue.what = 'claimed' AND rescue.lease_before IS NOT NULL
"""
ABANDONED = """
SELECT who, count(*) AS jobs FROM audit AS claim
WHERE what = 'claimed' AND NOT EXISTS (
    SELECT FROM audit AS settled
    WHERE settled.what = 'settled' AND settled.job_id = claim.job_id AND settled.fence = claim.fence
)
GROUP BY who
"""

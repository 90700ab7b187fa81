-- Jobs that must not run all at once: at most `concurrency_limit` jobs of a key run, each in a slot of its own.
ALTER TABLE job
    ADD COLUMN concurrency_key   text,
    ADD COLUMN concurrency_limit smallint,
    ADD COLUMN slot              smallint;   -- 1 to concurrency_limit, from its admission until it is settled

ALTER TABLE job_dead
    ADD COLUMN concurrency_key   text,
    ADD COLUMN concurrency_limit smallint;

-- No two jobs of a key have the same slot, so never more run than its limit allows, whatever the workers do.
CREATE UNIQUE INDEX job_slot ON job (lane, concurrency_key, slot) WHERE slot IS NOT NULL;

-- Jobs with a key that nobody has looked at since they were saved or released. None of the other jobs is in these
-- indexes, so they cost nothing to them.
CREATE INDEX job_arrived ON job (lane, coalesce(ripe_at, created_at), id)
    WHERE lane >= 0 AND concurrency_key IS NOT NULL AND slot IS NULL;

-- Blocked jobs: they are ripe, and all slots of their key were taken. They wait in the lane ~lane, which is negative and
-- has no worker, so no claim reads past them. (Before going back to a release without keys, bring them back:
-- UPDATE job SET lane = ~lane WHERE lane < 0.)
CREATE INDEX job_blocked ON job (lane, concurrency_key, coalesce(ripe_at, created_at), id) WHERE lane < 0;

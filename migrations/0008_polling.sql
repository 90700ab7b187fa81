-- Where there is no public address GitHub is asked: up to which change of which repository, and when last.
ALTER TABLE repository
    ADD COLUMN polled_to timestamptz,               -- GitHub's clock: the newest change that was seen
    ADD COLUMN polled_at timestamptz;               -- application clock

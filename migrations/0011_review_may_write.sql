-- Reviews by people without write access to the repository decide nothing for others.
ALTER TABLE review ADD COLUMN may_write boolean NOT NULL DEFAULT true;

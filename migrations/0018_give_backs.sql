-- How often in a row a job was given back because of a deadlock or a lost connection. Beyond a few, that is its fault.
ALTER TABLE job ADD COLUMN give_backs int NOT NULL DEFAULT 0;

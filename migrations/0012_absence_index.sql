-- Every read of a person takes all their absences, also those that were cancelled after they began.
CREATE INDEX absence_of_person ON absence (person_id, starts_at);
DROP INDEX absence_person;

-- A person is read with all their absences, those that were cancelled after they began included.
CREATE INDEX absence_of_person ON absence (person_id, starts_at);
DROP INDEX absence_person;

-- Whom a workspace chose a moment ago is looked up before each choice.
CREATE INDEX assignment_recent ON assignment (workspace_id, decided_at);

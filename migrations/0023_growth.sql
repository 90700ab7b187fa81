-- What is looked up for one rule or one person must not read a whole company.

-- Rules name people by login, in any case.
CREATE INDEX account_login ON account (workspace_id, lower(login));

-- The App Home tab lists a person's own open pull requests.
CREATE INDEX pull_request_author ON pull_request (author_id) WHERE state = 'open';

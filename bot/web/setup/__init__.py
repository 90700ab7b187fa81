"""/setup: the person who starts a bot without credentials connects it to GitHub and Slack in a browser."""

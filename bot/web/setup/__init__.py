"""/setup: connects a bot without credentials to GitHub and Slack, in the browser of whoever started it."""

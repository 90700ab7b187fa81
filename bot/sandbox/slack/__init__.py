"""A small Slack on this machine: the real Web API, as strict as Slack's, and people who click and type."""

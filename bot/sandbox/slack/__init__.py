"""A small Slack on loopback: the real Web API, strict, and people who click, type and get answers."""

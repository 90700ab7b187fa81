"""The Slack scopes that the bot asks for. Each value completes "Ripe uses it for ...".

https://docs.slack.dev/reference/scopes
"""

REQUIRED_SCOPES = {
    "commands": "/snooze, /ooo and /reviews",
    "chat:write": "every DM",
    "im:write": "every first DM",
    "users:read": "time zones and names",
}
"""Without one of these `ripe doctor` fails."""

OPTIONAL_SCOPES = {
    "im:history": "finding a DM again whose reply was lost",
    "users:read.email": "finding people by their address",
}
"""Without these Ripe works, but a lost reply delays a reminder, and people files need Slack ids."""

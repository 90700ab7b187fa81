"""The Slack scopes that the bot needs."""

NEEDED = {
    "commands": "/snooze, /ooo and /reviews",
    "chat:write": "every DM",
    "im:write": "every first DM",
    "users:read": "time zones and names",
}


USEFUL = {
    "im:history": "finding a DM again whose reply was lost",
    "users:read.email": "finding people by their address",
}
"""Without these Ripe works, less well."""

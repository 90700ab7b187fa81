"""Prints the configuration that is in effect: `ripe config export`."""

import yaml

from bot.assignment.config import RipeConfig
from bot.flows.current_rules import list_rules
from bot.model import WorkspaceId


async def export_config(workspace_id: WorkspaceId) -> str:
    """A YAML file for `ripe config apply`. Settings that have their default are left out."""
    config = RipeConfig(repositories=await list_rules(workspace_id))
    return yaml.safe_dump(config.model_dump(mode="json", exclude_defaults=True), sort_keys=False)

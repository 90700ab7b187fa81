"""Whether each repository has rules, by which Ripe chooses reviewers."""

from collections.abc import Sequence

from bot.doctor.model import Finding, name_some, ok, skipped, warning
from bot.doctor.ports import DoctorPorts
from bot.flows.current_rules import list_rules
from bot.flows.workspaces import find_first_workspace
from bot.github.store import list_repository_names

RULES = "rules"

_WRITE = "Write rules and apply them: `ripe config check FILE`, then `ripe config apply FILE`."


async def check_rules(ports: DoctorPorts) -> Sequence[Finding]:
    """Repositories for which nobody is ever chosen."""
    with ports.load_database().ambient():
        workspace_id = await find_first_workspace()
        repositories = await list_repository_names(workspace_id)
        configs = await list_rules(workspace_id)
    if not repositories:
        return [skipped(RULES, "no repository yet")]
    ruled = {name for name, config in configs.items() if config.rules}
    without = [name for name in repositories if name.lower() not in ruled]
    if not without:
        return [ok(RULES, f"{len(repositories)} repositories have rules")]
    if len(without) == len(repositories):
        return [warning(RULES, "no repository has rules, so Ripe asks nobody for a review", _WRITE)]
    return [warning(RULES, f"without rules, so Ripe asks nobody there: {name_some(without)}", _WRITE)]

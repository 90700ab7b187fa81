"""`ripe doctor`: what is wrong, and how to fix it."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence

from bot.cli.running import show
from bot.doctor import doctor
from bot.doctor.model import Finding, State, overall
from bot.doctor.ports import open_ports
from bot.settings import Settings, SettingsError, load_settings_of_running_bot

EXIT_CODES = {State.OK: 0, State.FAILED: 1, State.WARNING: 2}


def examine(*, as_json: bool) -> int:
    """Print every finding. Returns the exit code."""
    try:
        settings = load_settings_of_running_bot()
    except SettingsError as error:
        findings = doctor.examine_unreadable(error)
    else:
        findings = asyncio.run(_examine(settings))
    show([render_json(findings)] if as_json else render_lines(findings))
    return EXIT_CODES[overall(findings)]


async def _examine(settings: Settings) -> list[Finding]:
    async with open_ports(settings) as ports:
        return await doctor.examine(ports)


def render_json(findings: Sequence[Finding]) -> str:
    """The findings as one JSON object. Every examination lists the same checks in the same order."""
    answer = {"state": overall(findings), "findings": [finding.model_dump() for finding in findings]}
    return json.dumps(answer, indent=2, ensure_ascii=False)


def render_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each finding, one more for its fix, and at the end how many there are of each state."""
    widest_state = max(len(state) for state in State)
    widest = max(len(finding.check) for finding in findings)
    for finding in findings:
        yield f"{finding.state:<{widest_state}}  {finding.check:<{widest}}  {finding.detail}"
        if finding.fix:
            yield f"{'':<{widest_state}}  {'':<{widest}}  -> {finding.fix}"
    counts = Counter(finding.state for finding in findings)
    yield ", ".join(f"{counts[state]} {state}" for state in State if counts[state])

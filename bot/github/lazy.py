"""The gateway to GitHub for a process that may never need it: PyGithub takes 13 MB and half a second."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from bot.github.gateway import GitHubGateway


def gateway_at_first_use(make: "Callable[[type[GitHubGateway]], GitHubGateway]") -> "GitHubGateway":
    """A gateway that `make` makes of its class when the first of its methods is called."""
    return cast("GitHubGateway", _AtFirstUse(make))


class _AtFirstUse:
    def __init__(self, make: "Callable[[type[GitHubGateway]], GitHubGateway]") -> None:
        self._make = make
        self._made: GitHubGateway | None = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            from bot.github.gateway import GitHubGateway

            self._made = self._make(GitHubGateway)
        return getattr(self._made, name)

    async def close(self) -> None:
        """Close the gateway, if it was made."""
        if self._made is not None:
            await self._made.close()

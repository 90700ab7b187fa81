"""The gateway that is made when it is first used."""

from bot.github.gateway import GitHubGateway
from bot.github.lazy import gateway_at_first_use
from tests.github_server import private_key


async def test_the_gateway_is_made_once_when_it_is_first_used_and_closed_only_if_it_was_made() -> None:
    made: list[GitHubGateway] = []

    def make(gateway: type[GitHubGateway]) -> GitHubGateway:
        made.append(gateway("7", private_key(), "http://127.0.0.1:9/api/v3"))
        return made[-1]

    gateway = gateway_at_first_use(make)
    await gateway.close()
    assert made == []
    gateway.leave_half(None)
    assert [gateway.leave_half] == [made[0].leave_half]
    await gateway.close()
    assert len(made) == 1

"""People on the sandbox's GitHub: codes and tokens as strict as the real ones."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.clock import Clock
from bot.encryption import tls_context
from bot.github.oauth import challenge_of
from tests.github_server import ServedGitHub, served_github

BOT = "http://127.0.0.1:9"
CALLBACK = f"{BOT}/github/callback"
VERIFIER = "v" * 43


@pytest.fixture
async def served() -> AsyncIterator[ServedGitHub]:
    async with served_github(Clock(), BOT) as github:
        yield github


async def exchange(served: ServedGitHub, code: str, **changes: str) -> dict[str, str]:
    users = served.server.users
    fields = {
        "client_id": users.client_id,
        "client_secret": users.client_secret.get_secret_value(),
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    async with httpx.AsyncClient(verify=tls_context()) as client:
        answer = await client.post(f"{served.address}/login/oauth/access_token", data=fields | changes)
    assert answer.status_code == 200
    reply: dict[str, str] = answer.json()
    return reply


def agreed(served: ServedGitHub) -> str:
    return served.server.users.agree("ana", CALLBACK, challenge_of(VERIFIER))


async def test_a_code_is_good_for_one_token(served: ServedGitHub) -> None:
    code = agreed(served)
    token = (await exchange(served, code))["access_token"]
    assert (await exchange(served, code))["error"] == "bad_verification_code"
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {token}"}, verify=tls_context()
    ) as client:
        me = (await client.get(f"{served.api_url}/user")).json()
        installations = (await client.get(f"{served.api_url}/user/installations")).json()
        membership = (await client.get(f"{served.api_url}/user/memberships/orgs/ACME")).json()
        foreign = await client.get(f"{served.api_url}/user/memberships/orgs/other")
    assert me["login"] == "ana"
    assert installations["total_count"] == 1
    assert (membership["role"], membership["state"]) == ("member", "active")
    assert foreign.status_code == 404


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "x"}, "incorrect_client_credentials"),
        ({"client_id": "x"}, "incorrect_client_credentials"),
        ({"code_verifier": "w" * 43}, "bad_verification_code"),
        ({"code_verifier": ""}, "bad_verification_code"),
        ({"redirect_uri": "http://evil.example/"}, "redirect_uri_mismatch"),
    ],
)
async def test_a_code_that_does_not_fit_gets_no_token(
    served: ServedGitHub, changes: dict[str, str], error: str
) -> None:
    assert (await exchange(served, agreed(served), **changes))["error"] == error


async def test_a_token_of_nobody_is_refused(served: ServedGitHub) -> None:
    async with httpx.AsyncClient(
        headers={"Authorization": "Bearer ghu_made_up"}, verify=tls_context()
    ) as client:
        for path in ("/user", "/user/installations", "/user/memberships/orgs/acme"):
            assert (await client.get(f"{served.api_url}{path}")).status_code == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"client_id": "x"}, 404),
        ({"redirect_uri": "https://evil.example/github/callback"}, 400),
        ({"redirect_uri": f"{BOT}.evil.example/"}, 400),
        ({"code_challenge_method": "plain"}, 400),
    ],
)
async def test_nobody_is_sent_to_another_site(
    served: ServedGitHub, changes: dict[str, str], status: int
) -> None:
    asked = {
        "client_id": served.server.users.client_id, "redirect_uri": CALLBACK, "state": "<s>",
        "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
    }  # fmt: skip
    async with httpx.AsyncClient(verify=tls_context()) as client:
        page = await client.get(f"{served.address}/login/oauth/authorize", params=asked | changes)
    assert page.status_code == status
    assert "<s>" not in page.text

"""Wrong answers of GitHub to OAuth: none of them is believed, and none is shown to anybody."""

import httpx
import pytest
import respx
from pydantic import SecretStr

from bot.github.model import Account
from bot.github.oauth import GitHubOAuth, OAuthError

WEB, API, TOKEN = "https://github.test", "https://api.github.test", "ghu_secret_token"
EXCHANGE = f"{WEB}/login/oauth/access_token"
SECRET = "client-secret"


@pytest.fixture
def oauth() -> GitHubOAuth:
    return GitHubOAuth(WEB, API, "Iv23id", SecretStr(SECRET), "https://ripe.test/github/callback")


def given() -> httpx.Response:
    return httpx.Response(200, json={"access_token": TOKEN, "token_type": "bearer", "scope": ""})


def installation(number: int, login: str, kind: str, **more: object) -> dict[str, object]:
    account = {"id": number, "login": login, "type": kind}
    return {"id": number, "account": account, "permissions": {}, "suspended_at": None, **more}


@respx.mock
async def test_a_code_is_sent_once_even_if_the_answer_is_lost(oauth: GitHubOAuth) -> None:
    route = respx.post(EXCHANGE).mock(side_effect=httpx.ReadTimeout("slow"))
    with pytest.raises(OAuthError, match="no answer"):
        await oauth.identify("code", "v" * 43)
    assert route.call_count == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"error": "bad_verification_code", "error_description": TOKEN}),
        httpx.Response(200, json={"error": "incorrect_client_credentials"}),
        httpx.Response(200, json={"error": "x", "access_token": ""}),
        httpx.Response(200, json={"access_token": None, "hint": TOKEN}),
        httpx.Response(200, json=[TOKEN]),
        httpx.Response(200, text=f"access_token={TOKEN}"),
        httpx.Response(302, headers={"Location": "https://evil.test/"}),
        httpx.Response(500, text="<html>"),
    ],
)
@respx.mock
async def test_an_answer_without_a_token_is_no_person(oauth: GitHubOAuth, answer: httpx.Response) -> None:
    respx.post(EXCHANGE).mock(return_value=answer)
    with pytest.raises(OAuthError) as refused:
        await oauth.identify("code", "v" * 43)
    assert TOKEN not in f"{refused.value} {refused.value.__cause__}"


@pytest.mark.parametrize("code", ["", "x" * 201])
@respx.mock
async def test_a_value_that_cannot_be_a_code_is_not_sent(oauth: GitHubOAuth, code: str) -> None:
    with pytest.raises(OAuthError, match="usable code"):
        await oauth.identify(code, "v" * 43)
    assert len(respx.calls) == 0


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"login": "ana"}),
        httpx.Response(200, json={"id": 0, "login": "ana"}),
        httpx.Response(200, json={"id": 1, "login": ""}),
        httpx.Response(200, text="no JSON"),
        httpx.Response(401, json={"message": "Bad credentials"}),
        httpx.Response(403, json={}, headers={"X-RateLimit-Remaining": "0"}),
    ],
)
@respx.mock
async def test_a_person_without_an_id_is_nobody(oauth: GitHubOAuth, answer: httpx.Response) -> None:
    respx.post(EXCHANGE).mock(return_value=given())
    respx.get(f"{API}/user").mock(return_value=answer)
    with pytest.raises(OAuthError) as refused:
        await oauth.identify("code", "v" * 43)
    assert TOKEN not in str(refused.value)


@respx.mock
async def test_the_token_goes_to_the_api_alone_and_the_secret_to_the_exchange_alone(
    oauth: GitHubOAuth,
) -> None:
    exchange = respx.post(EXCHANGE).mock(return_value=given())
    me = respx.get(f"{API}/user").mock(return_value=httpx.Response(200, json={"id": 7, "login": "ana"}))
    assert (await oauth.identify("code", "v" * 43)).account == Account(id=7, login="ana")
    sent, asked = exchange.calls.last.request, me.calls.last.request
    assert SECRET in sent.content.decode()
    assert SECRET not in str(sent.url)
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(asked.url)


@pytest.mark.parametrize(
    ("membership", "owned"),
    [
        (httpx.Response(200, json={"role": "admin", "state": "active"}), ["acme"]),
        (httpx.Response(200, json={"role": "admin", "state": "pending"}), []),
        (httpx.Response(200, json={"role": "member", "state": "active"}), []),
        (httpx.Response(200, json={"role": "billing_manager", "state": "active"}), []),
        (httpx.Response(404, json={}), []),
    ],
)
@respx.mock
async def test_an_organization_is_owned_by_its_active_admins_only(
    oauth: GitHubOAuth, membership: httpx.Response, owned: list[str]
) -> None:
    listed = [installation(1, "acme", "Organization"), installation(2, "somebody", "User")]
    respx.post(EXCHANGE).mock(return_value=given())
    respx.get(f"{API}/user").mock(return_value=httpx.Response(200, json={"id": 7, "login": "ana"}))
    respx.get(f"{API}/user/installations").mock(
        return_value=httpx.Response(200, json={"total_count": 2, "installations": listed})
    )
    respx.get(f"{API}/user/memberships/orgs/acme").mock(return_value=membership)
    proof = await oauth.prove_ownership("code", "v" * 43)
    assert [installation.account.login for installation in proof.installations] == owned

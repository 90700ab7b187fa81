"""The sandbox's REST refuses what GitHub's refuses, with the same messages."""

from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from freezegun import freeze_time

from bot.sandbox.github.model import File, Pull
from bot.sandbox.github.world import GitHubWorld
from jobq import utc_now
from tests.github_server import APP_ID, ServedGitHub
from tests.sandbox.github.conftest import Client, signed_jwt

API = "/api/v3"
PULL = f"{API}/repos/acme/api/pulls/1"
REQUESTS = f"{PULL}/requested_reviewers"


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and message of an error in GitHub's shape."""
    body = answer.json()
    assert {"message", "documentation_url", "status"} <= body.keys()
    assert body["status"] == str(answer.status_code)
    return answer.status_code, body["message"]


@pytest.mark.parametrize(
    "path", [f"{API}/nothing", f"{API}/repos/acme/api/pulls/x", "/api/v4/app", f"{API}/repos/acme/api/issues"]
)
async def test_an_unknown_route_is_not_found_as_json(installed: Client, path: str) -> None:
    assert error_of(await installed.get(path)) == (404, "Not Found")
    assert error_of(await installed.post(path, {})) == (404, "Not Found")


async def test_a_method_that_a_route_does_not_have_is_not_found(installed: Client, pull: Pull) -> None:
    assert error_of(await installed.post(PULL, {})) == (404, "Not Found")


@pytest.mark.parametrize("token", ["", "ghs_foreign", "not a jwt"])
@pytest.mark.parametrize(
    "path", [f"{API}/repos/acme/api", PULL, REQUESTS, f"{API}/users/ana", f"{API}/installation/repositories"]
)
async def test_no_token_and_a_foreign_one_are_bad_credentials(
    http: httpx.AsyncClient, pull: Pull, path: str, token: str
) -> None:
    answer = await http.get(path, headers={"Authorization": f"token {token}"} if token else {})
    assert error_of(answer) == (401, "Bad credentials")


async def test_a_token_lives_an_hour_of_real_time(github: ServedGitHub, installed: Client) -> None:
    made_at = utc_now()
    with freeze_time(made_at.replace(microsecond=0), real_asyncio=True) as frozen:
        frozen.tick(3590)
        assert (await installed.get(f"{API}/repos/acme/api")).status_code == 200
        frozen.tick(20)
        assert error_of(await installed.get(f"{API}/repos/acme/api")) == (401, "Bad credentials")


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"exp": -1, "iat": -60}, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": 700}, "'Expiration time' claim ('exp') is too far in the future"),
        ({"iat": 600, "exp": 590}, "A JSON web token could not be decoded"),
        ({"iss": "1"}, "Integration not found"),
        ({"iss": None}, "A JSON web token could not be decoded"),
    ],
    ids=["expired", "longer than ten minutes", "from the future", "of another App", "of nobody"],
)
async def test_a_jwt_has_to_be_the_apps_and_short(
    http: httpx.AsyncClient, claims: dict[str, Any], message: str
) -> None:
    status, message = error_of(await Client(http, signed_jwt(**claims)).get(f"{API}/app"))
    assert (status, message.startswith(message)) == (401, True), message


async def test_a_jwt_signed_by_another_key_is_refused(http: httpx.AsyncClient) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    now = int(utc_now().timestamp())
    forged = jwt.encode({"iss": str(APP_ID), "iat": now - 60, "exp": now + 300}, pem, algorithm="RS256")
    answer = await Client(http, forged).get(f"{API}/app")
    assert error_of(answer) == (401, "A JSON web token could not be decoded")


async def test_an_installations_token_is_not_the_apps_jwt_nor_the_other_way_round(
    app: Client, installed: Client
) -> None:
    assert error_of(await installed.get(f"{API}/app"))[0] == 401
    assert error_of(await app.get(f"{API}/repos/acme/api")) == (401, "Bad credentials")


async def test_a_suspended_installation_can_do_nothing_until_it_is_resumed(
    github: ServedGitHub, app: Client, installed: Client, pull: Pull
) -> None:
    installation = github.world.document.installations[0]
    github.world.suspend(installation)
    suspended = (403, "This installation has been suspended")
    assert error_of(await installed.get(PULL)) == suspended
    assert (
        error_of(await app.post(f"{API}/app/installations/{installation.id}/access_tokens", {})) == suspended
    )
    github.world.unsuspend(installation)
    assert (await installed.get(PULL)).status_code == 200


async def test_the_tokens_of_a_removed_installation_are_dead(
    github: ServedGitHub, app: Client, installed: Client
) -> None:
    github.world.uninstall(github.world.document.installations[0])
    assert error_of(await installed.get(f"{API}/repos/acme/api")) == (401, "Bad credentials")
    path = f"{API}/app/installations/{github.installation_id}"
    assert error_of(await app.post(f"{path}/access_tokens", {})) == (404, "Not Found")
    assert error_of(await app.get(f"{API}/repos/acme/api/installation")) == (404, "Not Found")


async def test_a_token_can_be_minted_for_less_and_never_for_more(
    github: ServedGitHub, app: Client, pull: Pull
) -> None:
    path = f"{API}/app/installations/{github.installation_id}/access_tokens"
    wish = {"permissions": {"pull_requests": "read"}, "repositories": ["api"]}
    minted = (await app.post(path, wish)).json()
    assert minted["permissions"] == {"pull_requests": "read"}
    assert [repo["full_name"] for repo in minted["repositories"]] == ["acme/api"]
    reader = Client(app.http, minted["token"])
    assert (await reader.get(PULL)).status_code == 200
    assert error_of(await reader.get(f"{API}/repos/acme/web")) == (404, "Not Found")
    asked = await reader.post(REQUESTS, {"reviewers": ["ana"]})
    assert error_of(asked) == (403, "Resource not accessible by integration")
    for more in ({"permissions": {"contents": "read"}}, {"repositories": ["elsewhere"]}):
        assert error_of(await app.post(path, more))[0] == 422


async def test_a_repository_outside_the_installation_does_not_exist_for_it(
    github: ServedGitHub, installed: Client
) -> None:
    world = github.world
    world.open_pull_request("acme/web", "ben", "Hidden", ["a.py"])
    world.change_repositories(world.document.installations[0], removed=["acme/web"])
    for path in ("", "/pulls", "/pulls/1", "/pulls/1/reviews", "/pulls/1/files"):
        assert error_of(await installed.get(f"{API}/repos/acme/web{path}")) == (404, "Not Found")
    assert error_of(await installed.get(f"{API}/repositories/302")) == (404, "Not Found")


async def test_an_installation_that_may_only_read_cannot_ask_for_reviews(
    github: ServedGitHub, installed: Client, pull: Pull
) -> None:
    github.world.accept_permissions(github.world.document.installations[0], {"pull_requests": "read"})
    answer = await installed.post(REQUESTS, {"reviewers": ["ana"]})
    assert error_of(answer) == (403, "Resource not accessible by integration")
    github.world.accept_permissions(github.world.document.installations[0], {"metadata": "read"})
    assert error_of(await installed.get(PULL)) == (403, "Resource not accessible by integration")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"reviewers": "ana"}, "Invalid request.\n\nFor 'properties/reviewers', "),
        ({"reviewers": [7]}, "Invalid request.\n\nFor 'properties/reviewers/0', "),
        ({"people": ["ana"]}, 'Invalid request.\n\n"people" is not a permitted key.'),
        ({"reviewers": ["ana", "ben"]}, "Review cannot be requested from pull request author."),
        ({"reviewers": ["ana", "zoe"]}, "Reviews may only be requested from collaborators. "),
        ({"reviewers": ["ana"], "team_reviewers": ["nobody"]}, "Reviews may only be requested from "),
    ],
)
async def test_a_request_that_is_wrong_in_part_asks_nobody(
    installed: Client, pull: Pull, body: Any, message: str
) -> None:
    status, message = error_of(await installed.post(REQUESTS, body))
    assert (status, message.startswith(message)) == (422, True), message
    assert pull.requested == []


async def test_bodies_that_are_no_json_object_have_errors_of_their_own(installed: Client, pull: Pull) -> None:
    raw = await installed.http.post(
        REQUESTS, content=b"{", headers={"Authorization": f"token {installed.token}"}
    )
    assert error_of(raw) == (400, "Problems parsing JSON")
    assert error_of(await installed.post(REQUESTS, ["ana"])) == (400, "Body should be a JSON object")


async def test_requests_are_taken_back_only_with_a_list_of_reviewers(
    world: GitHubWorld, installed: Client, pull: Pull
) -> None:
    world.request_review(pull, [], by="ben", teams=["payments"])
    headers = {"Authorization": f"token {installed.token}"}
    bare = await installed.http.request(
        "DELETE", REQUESTS, json={"team_reviewers": ["payments"]}, headers=headers
    )
    assert error_of(bare) == (422, 'Invalid request.\n\n"reviewers" wasn\'t supplied.')
    whole = {"reviewers": [], "team_reviewers": ["payments"]}
    done = await installed.http.request("DELETE", REQUESTS, json=whole, headers=headers)
    assert (done.status_code, pull.requested_teams) == (200, [])


async def test_a_list_in_pages_keeps_its_filter_and_links_both_ways(
    world: GitHubWorld, installed: Client
) -> None:
    for number in range(1, 6):
        opened = world.open_pull_request("acme/api", "ben", str(number), ["a.py"])
        if number % 2:
            world.close(opened)
    path = f"{API}/repos/acme/api/pulls"
    seen: list[int] = []
    answer = await installed.get(path, state="closed", per_page=2)
    while True:
        seen += [pull["number"] for pull in answer.json()]
        if "next" not in answer.links:
            break
        answer = await installed.get(answer.links["next"]["url"])
    assert seen == [5, 3, 1]
    assert answer.links["prev"]["url"].endswith("?state=closed&per_page=2&page=1")
    assert error_of(await installed.get(path, state="merged")) == (422, "Validation Failed")


async def test_sizes_of_pages_are_bent_to_what_is_allowed(world: GitHubWorld, installed: Client) -> None:
    for number in range(101):
        world.open_pull_request("acme/api", "ben", str(number), ["a.py"])
    counts = [
        len((await installed.get(f"{API}/repos/acme/api/pulls", per_page=size)).json())
        for size in ("0", "x", "500")
    ]
    assert counts == [1, 30, 100]


async def test_every_answer_names_the_limits(http: httpx.AsyncClient, installed: Client) -> None:
    for answer in (await installed.get(f"{API}/repos/acme/api"), await http.get(f"{API}/none")):
        assert answer.headers["X-RateLimit-Limit"] == "5000"
        assert int(answer.headers["X-RateLimit-Reset"]) > utc_now().timestamp()
    assert (await installed.get(f"{API}/rate_limit")).json()["rate"]["limit"] == 5000


async def test_only_the_list_of_files_shows_patches(world: GitHubWorld, installed: Client) -> None:
    world.open_pull_request("acme/api", "ben", "Add", [File(path="a.py", patch="@@ canary", status="added")])
    (file,) = (await installed.get(f"{PULL}/files")).json()
    assert (file["filename"], file["status"], file["patch"]) == ("a.py", "added", "@@ canary")
    assert "canary" not in (await installed.get(PULL)).text

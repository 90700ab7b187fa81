"""GitHub's REST and GraphQL over HTTP: the part that Ripe calls, as strict as the real one."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.access import Access, Unauthorized
from bot.sandbox.github.graphql import answer_query
from bot.sandbox.github.model import Installation, Pull, Repo
from bot.sandbox.github.shapes import instant
from bot.sandbox.github.world import GitHubWorld, Refused

API = "/api/v3"
GRAPHQL = "/api/graphql"


@dataclass
class Fault:
    """What the next call is answered instead. `hang` is in seconds, before that."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""
    hang: float = 0.0


@dataclass
class GitHubServer:
    """A world and who may see it. `faults` are used up one a call; `calls` lists every call made."""

    world: GitHubWorld
    access: Access
    faults: deque[Fault] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)


class _Reviewers(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reviewers: list[str] = []
    team_reviewers: list[str] = []


class _Question(BaseModel):
    query: str
    variables: dict[str, Any] = {}


class _Answer(Exception):
    """An error answer, raised where it is found."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def github_blueprint(server: GitHubServer) -> Blueprint:
    """Every route that Ripe calls; all others are 404."""
    blueprint = Blueprint("github", __name__)
    _add_faults(blueprint, server)
    _add_errors(blueprint)
    _add_app_routes(blueprint, server)
    _add_pull_routes(blueprint, server)
    _add_request_routes(blueprint, server)
    _add_other_routes(blueprint, server)
    return blueprint


def _add_faults(blueprint: Blueprint, server: GitHubServer) -> None:
    @blueprint.before_request
    async def fail_on_demand() -> Response | None:
        server.calls.append(f"{request.method} {request.path}")
        if not server.faults:
            return None
        fault = server.faults.popleft()
        await asyncio.sleep(fault.hang)
        if fault.status == 200:
            return None
        return _error(fault.status, fault.message, fault.headers)

    @blueprint.after_request
    async def add_limits(response: Response) -> Response:
        response.headers.setdefault("X-RateLimit-Limit", "5000")
        response.headers.setdefault("X-RateLimit-Remaining", "4999")
        response.headers.setdefault("X-RateLimit-Reset", "4102444800")
        return response


def _add_errors(blueprint: Blueprint) -> None:
    @blueprint.errorhandler(_Answer)
    async def answer(error: _Answer) -> Response:
        return _error(error.status, str(error))

    @blueprint.errorhandler(Unauthorized)
    async def unauthorized(error: Unauthorized) -> Response:
        return _error(401, str(error))

    @blueprint.errorhandler(Refused)
    async def refused(error: Refused) -> Response:
        return _error(422, str(error))

    @blueprint.errorhandler(ValidationError)
    async def invalid(error: ValidationError) -> Response:
        return _error(422, f"Invalid request.\n\n{error.errors(include_url=False)[0]['msg']}")


def _add_app_routes(blueprint: Blueprint, server: GitHubServer) -> None:
    world = server.world

    @blueprint.get(f"{API}/app")
    async def app() -> Response:
        server.access.check_app(_authorization())
        slug, number = world.document.app_slug, world.document.app.id
        owner = world.shapes.user(world.document.organization)
        return jsonify({"id": number, "slug": slug, "name": slug.title(), "owner": owner, "events": []})

    @blueprint.get(f"{API}/app/installations")
    async def installations() -> Response:
        server.access.check_app(_authorization())
        return _page([world.shapes.installation(i) for i in world.document.installations])

    @blueprint.get(f"{API}/app/installations/<int:number>")
    async def installation(number: int) -> Response:
        server.access.check_app(_authorization())
        return jsonify(world.shapes.installation(_installation(server, number)))

    @blueprint.post(f"{API}/app/installations/<int:number>/access_tokens")
    async def access_tokens(number: int) -> tuple[Response, int]:
        server.access.check_app(_authorization())
        found = _installation(server, number)
        if found.suspended_at is not None:
            raise _Answer(403, "This installation has been suspended")
        text, token = server.access.mint(found)
        answer = {
            "token": text,
            "expires_at": instant(token.expires_at),
            "permissions": found.permissions,
            "repository_selection": "selected",
        }
        return jsonify(answer), 201

    @blueprint.get(f"{API}/app/hook/deliveries")
    async def deliveries() -> Response:
        server.access.check_app(_authorization())
        return _page(
            [
                {
                    "id": delivery.id,
                    "guid": delivery.guid,
                    "delivered_at": instant(delivery.at),
                    "redelivery": False,
                    "duration": 0.1,
                    "status": "OK" if delivery.status == 202 else "failed",
                    "status_code": delivery.status or 0,
                    "event": delivery.event,
                    "action": delivery.action or None,
                }
                for delivery in reversed(world.webhooks.log)
            ]
        )


def _add_pull_routes(blueprint: Blueprint, server: GitHubServer) -> None:
    world = server.world

    @blueprint.get(f"{API}/repos/<owner>/<name>")
    async def repository(owner: str, name: str) -> Response:
        return jsonify(world.shapes.repository(_repo(server, owner, name)))

    @blueprint.get(f"{API}/repos/<owner>/<name>/pulls")
    async def pulls(owner: str, name: str) -> Response:
        repo, state = _repo(server, owner, name), request.args.get("state", "open")
        found = [
            pull
            for pull in reversed(world.document.pulls)
            if pull.repository_id == repo.id and state in (pull.state, "all")
        ]
        return _page([world.shapes.listed_pull(pull, world.users, repo) for pull in found])

    @blueprint.get(f"{API}/repos/<owner>/<name>/pulls/<int:number>")
    async def pull(owner: str, name: str, number: int) -> Response:
        repo = _repo(server, owner, name)
        return jsonify(world.shapes.pull(_pull(server, repo, number), world.users, repo))

    @blueprint.get(f"{API}/repos/<owner>/<name>/pulls/<int:number>/reviews")
    async def reviews(owner: str, name: str, number: int) -> Response:
        repo = _repo(server, owner, name)
        found = _pull(server, repo, number)
        return _page([world.shapes.review(review, found, world.users, repo) for review in found.reviews])

    @blueprint.get(f"{API}/repos/<owner>/<name>/pulls/<int:number>/files")
    async def files(owner: str, name: str, number: int) -> Response:
        # With every patch: Ripe must never call this.
        found = _pull(server, _repo(server, owner, name), number)
        return _page(
            [file.model_dump() | {"filename": file.path, "status": "modified"} for file in found.files]
        )


def _add_request_routes(blueprint: Blueprint, server: GitHubServer) -> None:
    world = server.world
    path = f"{API}/repos/<owner>/<name>/pulls/<int:number>/requested_reviewers"

    @blueprint.get(path)
    async def requested(owner: str, name: str, number: int) -> Response:
        found = _pull(server, _repo(server, owner, name), number)
        users = [world.shapes.user(world.users[login]) for login in found.requested]
        return jsonify({"users": users, "teams": [world.shapes.team(slug) for slug in found.requested_teams]})

    @blueprint.post(path)
    async def ask(owner: str, name: str, number: int) -> tuple[Response, int]:
        repo = _repo(server, owner, name, writes=True)
        found = _pull(server, repo, number)
        asked = _Reviewers.model_validate(await request.get_json(force=True))
        world.request_review(found, asked.reviewers, world.bot.login, asked.team_reviewers)
        return jsonify(world.shapes.listed_pull(found, world.users, repo)), 201

    @blueprint.delete(path)
    async def take_back(owner: str, name: str, number: int) -> Response:
        repo = _repo(server, owner, name, writes=True)
        found = _pull(server, repo, number)
        body = await request.get_json(force=True)
        if "reviewers" not in body:
            raise _Answer(422, 'Invalid request.\n\n"reviewers" wasn\'t supplied.')
        gone = _Reviewers.model_validate(body)
        world.remove_request(found, gone.reviewers, world.bot.login, gone.team_reviewers)
        return jsonify(world.shapes.listed_pull(found, world.users, repo))


def _add_other_routes(blueprint: Blueprint, server: GitHubServer) -> None:
    world = server.world

    @blueprint.get(f"{API}/users/<login>")
    async def user(login: str) -> Response:
        server.access.find_installation(_authorization())
        found = next((user for name, user in world.users.items() if name.lower() == login.lower()), None)
        if found is None:
            raise _Answer(404, "Not Found")
        return jsonify(world.shapes.user(found))

    @blueprint.get(f"{API}/installation/repositories")
    async def repositories() -> Response:
        installation = _installation(server, server.access.find_installation(_authorization()))
        repos = [r for r in world.document.repositories if r.id in installation.repository_ids]
        return jsonify(
            {"total_count": len(repos), "repositories": [world.shapes.repository(r) for r in repos]}
        )

    @blueprint.post(GRAPHQL)
    async def graphql() -> Response:
        installation_id = server.access.find_installation(_authorization())
        _check_installation(_installation(server, installation_id))
        question = _Question.model_validate(await request.get_json(force=True))
        return jsonify(answer_query(world, question.query, question.variables))


def _authorization() -> str:
    return request.headers.get("Authorization", "")


def _installation(server: GitHubServer, number: int) -> Installation:
    for installation in server.world.document.installations:
        if installation.id == number:
            return installation
    raise _Answer(404, "Not Found")


def _check_installation(installation: Installation) -> None:
    if installation.suspended_at is not None:
        raise _Answer(403, "This installation has been suspended")


def _repo(server: GitHubServer, owner: str, name: str, *, writes: bool = False) -> Repo:
    """A repository that the caller's installation may see. Others do not exist for it."""
    installation = _installation(server, server.access.find_installation(_authorization()))
    _check_installation(installation)
    repo = server.world.find_repo(f"{owner}/{name}")
    if repo is None or repo.id not in installation.repository_ids:
        raise _Answer(404, "Not Found")
    if writes and installation.permissions.get("pull_requests") != "write":
        raise _Answer(403, "Resource not accessible by integration")
    return repo


def _pull(server: GitHubServer, repo: Repo, number: int) -> Pull:
    if (pull := server.world.find_pull(repo.full_name, number)) is None:
        raise _Answer(404, "Not Found")
    return pull


def _page(rows: Sequence[Any]) -> Response:
    """One page of a list, with the links to the others."""
    size, page = min(request.args.get("per_page", 30, int), 100), request.args.get("page", 1, int)
    response = jsonify(list(rows[(page - 1) * size : page * size]))
    if page * size < len(rows):
        address, last = f"{request.base_url}?per_page={size}&page=", -(-len(rows) // size)
        response.headers["Link"] = f'<{address}{page + 1}>; rel="next", <{address}{last}>; rel="last"'
    return response


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    response = jsonify({"message": message, "documentation_url": "https://docs.github.com/rest"})
    response.status_code = status
    response.headers.update(headers or {})
    return response

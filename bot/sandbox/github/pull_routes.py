"""An installation's routes for pull requests and their review requests."""

from pydantic import BaseModel, ConfigDict
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.answers import answer_page, invalid_field
from bot.sandbox.github.server import GitHubServer, read_body

_STATES = ("open", "closed", "all")


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reviewers: list[str] = []
    team_reviewers: list[str] = []


class _Removed(_Asked):
    reviewers: list[str]


def add_pull_routes(blueprint: Blueprint, server: GitHubServer, api: str) -> None:
    """Add these routes under `api`."""
    pulls = f"{api}/repos/<owner>/<name>/pulls"
    _add_list(blueprint, server, pulls)
    _add_pull(blueprint, server, f"{pulls}/<int:number>")
    _add_requests(blueprint, server, f"{pulls}/<int:number>/requested_reviewers")


def _add_list(blueprint: Blueprint, server: GitHubServer, path: str) -> None:
    @blueprint.get(path)
    async def pulls(owner: str, name: str) -> Response:
        repo, state = server.load_pulls_repo(owner, name), request.args.get("state", "open")
        sort = request.args.get("sort", "created")
        if state not in _STATES:
            raise invalid_field("PullRequest", "state", f"state must be one of {', '.join(_STATES)}")
        listed = [
            pull
            for pull in reversed(server.world.document.pulls)
            if pull.repository_id == repo.id and state in (pull.state, "all")
        ]
        if sort == "updated":
            listed.sort(key=lambda pull: pull.updated_at, reverse=True)
        # https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
        if request.args.get("direction", "desc" if sort == "created" else "asc") == "asc":
            listed.reverse()
        return answer_page([server.world.shapes.listed_pull(pull) for pull in listed])


def _add_pull(blueprint: Blueprint, server: GitHubServer, path: str) -> None:
    shapes = server.world.shapes

    @blueprint.get(path)
    async def pull(owner: str, name: str, number: int) -> Response:
        return jsonify(shapes.pull(server.load_pull(owner, name, number)))

    @blueprint.get(f"{path}/reviews")
    async def reviews(owner: str, name: str, number: int) -> Response:
        reviewed = server.load_pull(owner, name, number)
        return answer_page([shapes.review(review, reviewed) for review in reviewed.reviews])

    @blueprint.get(f"{path}/files")
    async def files(owner: str, name: str, number: int) -> Response:
        # With every patch. This route exists so that tests can show that Ripe never calls it.
        changed = server.load_pull(owner, name, number)
        return answer_page([shapes.file(file, changed) for file in changed.files])


def _add_requests(blueprint: Blueprint, server: GitHubServer, path: str) -> None:
    world, shapes = server.world, server.world.shapes

    @blueprint.get(path)
    async def requested(owner: str, name: str, number: int) -> Response:
        pull = server.load_pull(owner, name, number)
        users = [shapes.login(login) for login in pull.requested]
        return jsonify({"users": users, "teams": shapes.requested_teams(pull)})

    @blueprint.post(path)
    async def ask(owner: str, name: str, number: int) -> tuple[Response, int]:
        pull = server.load_pull(owner, name, number, "write")
        asked = await read_body(_Asked)
        world.request_review(pull, asked.reviewers, world.bot.login, asked.team_reviewers)
        return jsonify(shapes.listed_pull(pull)), 201

    @blueprint.delete(path)
    async def take_back(owner: str, name: str, number: int) -> Response:
        pull = server.load_pull(owner, name, number, "write")
        removed = await read_body(_Removed)
        world.remove_request(pull, removed.reviewers, world.bot.login, removed.team_reviewers)
        return jsonify(shapes.listed_pull(pull))

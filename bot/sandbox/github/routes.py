"""GitHub's REST and GraphQL: the routes that Ripe calls, as strict as the real ones."""

import asyncio
import json
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.answers import NOT_FOUND, answer_error, answer_page
from bot.sandbox.github.app_routes import add_app_routes
from bot.sandbox.github.errors import AnswerError
from bot.sandbox.github.graphql import answer_query, refuse_query
from bot.sandbox.github.model import User
from bot.sandbox.github.pull_routes import add_pull_routes
from bot.sandbox.github.server import Fault, GitHubServer, read_body
from bot.sandbox.github.user_routes import add_user_routes
from jobq import utc_now

__all__ = ["Fault", "GitHubServer", "github_blueprint"]

API = "/api/v3"
GRAPHQL = "/api/graphql"
LIMIT = 5000
"""Calls an hour, as the headers say. The sandbox does not count: order a Fault, or set `remaining`."""
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class _Question(BaseModel):
    query: str
    variables: dict[str, Any] | None = None


def github_blueprint(server: GitHubServer) -> Blueprint:
    """Every route that Ripe calls; all others are 404."""
    blueprint = Blueprint("github", __name__)
    _add_faults(blueprint, server)
    _add_errors(blueprint)
    add_app_routes(blueprint, server, API)
    add_pull_routes(blueprint, server, API)
    _add_repository_routes(blueprint, server)
    add_user_routes(blueprint, server, API)
    _add_account_routes(blueprint, server)
    _add_graphql(blueprint, server)
    _add_others(blueprint, server)
    return blueprint


def _add_faults(blueprint: Blueprint, server: GitHubServer) -> None:
    @blueprint.before_request
    async def fail_on_demand() -> Response | None:
        fault = server.note_call(request.method, request.path)
        if fault is None:
            return None
        # A server that answers before it has read a request may drop the connection.
        await request.get_data()
        await asyncio.sleep(fault.hang)
        return _answer_with(fault)

    @blueprint.after_request
    async def alter_answer(response: Response) -> Response:
        if response.is_json:
            response.set_data(server.alter(request.path, await response.get_data(as_text=False)))
        return response

    @blueprint.after_request
    async def add_limits(response: Response) -> Response:
        server.on_answer(request.method, request.path, response.status_code)
        for name, value in _limits(server.remaining).items():
            response.headers.setdefault(f"X-RateLimit-{name.title()}", str(value))
        response.headers.setdefault("X-RateLimit-Resource", "core")
        return response


def _answer_with(fault: Fault) -> Response | None:
    """None: the right answer."""
    if fault.graphql:
        return jsonify(refuse_query(fault.graphql, fault.message))
    if fault.body is not None:
        return Response(json.dumps(fault.body), fault.status, fault.headers, "application/json")
    if fault.status == 200:
        return None
    return answer_error(fault.status, fault.message, headers=fault.headers)


def _limits(remaining: int) -> dict[str, int]:
    reset = int(utc_now().timestamp()) + 3600
    return {"limit": LIMIT, "remaining": remaining, "used": LIMIT - remaining, "reset": reset}


def _add_errors(blueprint: Blueprint) -> None:
    @blueprint.errorhandler(AnswerError)
    async def answer(error: AnswerError) -> Response:
        return answer_error(error.status, str(error), error.errors)

    @blueprint.errorhandler(ValidationError)
    async def invalid(error: ValidationError) -> Response:
        first = error.errors(include_url=False)[0]
        return answer_error(422, f"Invalid request.\n\n{_describe(first)}")


def _describe(detail: ErrorDetails) -> str:
    name = "/".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f'"{name}" wasn\'t supplied.'
    if detail["type"] == "extra_forbidden":
        return f'"{name}" is not a permitted key.'
    return f"For 'properties/{name}', {detail['msg']}."


def _add_repository_routes(blueprint: Blueprint, server: GitHubServer) -> None:
    world, shapes = server.world, server.world.shapes

    @blueprint.get(f"{API}/repos/<owner>/<name>")
    async def repository(owner: str, name: str) -> Response:
        return jsonify(shapes.repository(server.load_repo(owner, name)))

    @blueprint.get(f"{API}/repositories/<int:number>")
    async def repository_by_id(number: int) -> Response:
        repo = next((repo for repo in world.document.repositories if repo.id == number), None)
        return jsonify(shapes.repository(server.require_visible(repo)))

    @blueprint.get(f"{API}/installation/repositories")
    async def repositories() -> Response:
        ids = server.load_caller().repository_ids
        repos = [repo for repo in world.document.repositories if repo.id in ids]
        return answer_page([shapes.repository(repo) for repo in repos], "repositories")


def _add_account_routes(blueprint: Blueprint, server: GitHubServer) -> None:
    def show(user: User | None) -> Response:
        server.load_caller()
        if user is None:
            raise AnswerError(404, NOT_FOUND)
        return jsonify(server.world.shapes.user(user))

    @blueprint.get(f"{API}/users/<login>")
    async def user_by_login(login: str) -> Response:
        people = server.world.users.values()
        return show(next((user for user in people if user.login.lower() == login.lower()), None))

    @blueprint.get(f"{API}/user/<int:number>")
    async def user_by_id(number: int) -> Response:
        people = server.world.users.values()
        return show(next((user for user in people if user.id == number), None))


def _add_graphql(blueprint: Blueprint, server: GitHubServer) -> None:
    @blueprint.post(GRAPHQL)
    async def graphql() -> Response:
        caller = server.load_caller()
        question = await read_body(_Question)
        return jsonify(answer_query(server.world, caller, question.query, question.variables or {}))


def _add_others(blueprint: Blueprint, server: GitHubServer) -> None:
    @blueprint.get(f"{API}/rate_limit")
    async def rate_limit() -> Response:
        limits = _limits(server.remaining)
        return jsonify({"resources": {"core": limits, "graphql": limits}, "rate": limits})

    @blueprint.route("/api/<path:_>", methods=EVERY_METHOD)
    async def unknown(_: str) -> Response:
        raise AnswerError(404, NOT_FOUND)

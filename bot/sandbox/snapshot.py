"""Routes for the sandbox's page: a snapshot of GitHub and Slack, the news, and the links to pull requests."""

from urllib.parse import urlsplit

from quart import Blueprint, Response, jsonify, redirect, request
from quart.typing import ResponseReturnValue

from bot.sandbox.github.model import Pull
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.news import News
from bot.sandbox.slack.model import Json
from bot.sandbox.slack.world import SlackWorld

MOST_PULL_REQUESTS = 30
MOST_MESSAGES = 60
"""In each DM, the newest ones."""


def page_routes(github: GitHubWorld, slack: SlackWorld, news: News) -> Blueprint:
    """`GET /sandbox/shown`, `GET /sandbox/news`, and the addresses of pull requests on this GitHub."""
    blueprint = Blueprint("sandbox_page", __name__)

    @blueprint.get("/sandbox/shown")
    async def snapshot() -> Response:
        return jsonify(_take_snapshot(github, slack))

    @blueprint.get("/sandbox/news")
    async def follow() -> Response:
        events = news.follow(request.headers.get("Last-Event-ID", ""))
        response = Response(events, mimetype="text/event-stream")
        response.timeout = None
        return response

    @blueprint.get("/<owner>/<name>/pull/<int:number>")
    async def pull_request(owner: str, name: str, number: int) -> ResponseReturnValue:
        bot = urlsplit(github.webhooks.url)
        return redirect(f"{bot.scheme}://{bot.netloc}/#{owner}/{name}/{number}")

    return blueprint


def _take_snapshot(github: GitHubWorld, slack: SlackWorld) -> Json:
    document, workspace = github.document, slack.snapshot()
    newest = document.pulls[: -MOST_PULL_REQUESTS - 1 : -1]
    return {
        "github_url": github.shapes.web,
        "repositories": [repo.full_name for repo in document.repositories],
        "logins": [user.login for user in document.users],
        "people": [
            {"id": user.id, "name": user.name, "full_name": user.real_name, "zone": user.tz}
            for user in slack.state.users.values()
            if not (user.is_bot or user.deleted)
        ],
        "pulls": [_show_pull(github, pull) for pull in newest],
        "dms": {dm["user"]: dm["messages"][-MOST_MESSAGES:] for dm in workspace["dms"]},
        "views": workspace["views"],
        "names": {user.id: user.name for user in slack.state.users.values()},
    }


def _show_pull(github: GitHubWorld, pull: Pull) -> Json:
    repository = github.repo_of(pull).full_name
    parts = {"number", "title", "author", "draft", "state", "labels", "requested", "created_at", "merged_at"}
    return {
        **pull.model_dump(mode="json", include=parts),
        "repository": repository,
        "label": f"{repository}#{pull.number}",
        "files": [file.model_dump(include={"path", "additions", "deletions"}) for file in pull.files],
        "reviews": [
            review.model_dump(mode="json", include={"login", "state", "submitted_at"})
            for review in pull.reviews
        ],
    }

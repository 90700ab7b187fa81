"""The App's OAuth on the sandbox's GitHub: a page that asks people, and the routes for their token.

There are no passwords: people choose on the page who they are.
"""

from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from quart import Blueprint, Response, jsonify, redirect, request

from bot.sandbox.github.access import allows
from bot.sandbox.github.answers import FORBIDDEN, NOT_FOUND, answer_page
from bot.sandbox.github.errors import AnswerError, CodeRefusedError
from bot.sandbox.github.model import User
from bot.sandbox.github.server import GitHubServer
from bot.sandbox.github.shapes import Shape

AUTHORIZE = frozenset({"github.authorize"})
"""A page to which any site may link, as on GitHub: it only asks the person."""

_FIELDS = ("client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method")
_PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<title>Authorize {app}</title><style>
body {{ font: 1rem/1.5 system-ui; margin: 2rem auto; max-width: 30rem; padding: 0 1rem }}
button {{ display: block; width: 100%; margin: .5rem 0; padding: .6rem; font: inherit }}</style>
<h1>Authorize {app}</h1><p>This is the sandbox's GitHub, and nothing leaves this machine. Who are you?</p>
<form method="post" action="/login/oauth/authorize">{fields}{buttons}
<button name="login" value="">Cancel</button></form></html>"""


def add_user_routes(blueprint: Blueprint, server: GitHubServer, api: str) -> None:
    """Add the pages that a person sees, and under `api` the routes for a person's token."""
    _add_pages(blueprint, server)
    _add_exchange(blueprint, server)
    _add_questions(blueprint, server, api)


def _add_pages(blueprint: Blueprint, server: GitHubServer) -> None:
    document = server.world.document

    @blueprint.get("/login/oauth/authorize")
    async def authorize() -> Response:
        asked = {name: request.args.get(name, "") for name in _FIELDS}
        _check(server, asked)
        page = _PAGE.format(
            app=escape(document.app_slug.title()),
            fields="".join(
                f'<input type="hidden" name="{name}" value="{escape(value)}">'
                for name, value in asked.items()
            ),
            buttons="".join(
                f'<button name="login" value="{user.login}">Continue as {user.login}</button>'
                for user in document.users
            ),
        )
        return Response(page, mimetype="text/html")

    @blueprint.post("/login/oauth/authorize")
    async def agree() -> Any:
        form = await request.form
        asked = {name: form.get(name, "") for name in _FIELDS}
        _check(server, asked)
        query = {"state": asked["state"]} if asked["state"] else {}
        if form.get("login"):
            login = _load_user(server, form["login"]).login
            query["code"] = server.users.agree(login, asked["redirect_uri"], asked["code_challenge"])
        else:
            query["error"] = "access_denied"
        return redirect(f"{asked['redirect_uri']}?{urlencode(query)}", 302)


def _check(server: GitHubServer, asked: dict[str, str]) -> None:
    """Check that people will be sent back to the App only. Raises AnswerError."""
    if asked["client_id"] != server.users.client_id:
        raise AnswerError(404, NOT_FOUND)
    target, bot = urlsplit(asked["redirect_uri"]), urlsplit(server.world.webhooks.url)
    if (target.scheme, target.netloc) != (bot.scheme, bot.netloc):
        raise AnswerError(400, "The redirect_uri is not associated with this application.")
    if asked["code_challenge_method"] not in ("", "S256"):
        raise AnswerError(400, "code_challenge_method must be S256")


def _add_exchange(blueprint: Blueprint, server: GitHubServer) -> None:
    @blueprint.post("/login/oauth/access_token")
    async def access_token() -> Response:
        form = await request.form
        names = ("client_id", "client_secret", "code", "redirect_uri", "code_verifier")
        try:
            token = server.users.exchange(*(form.get(name, "") for name in names))
        except CodeRefusedError as error:
            # With status 200, as on GitHub.
            return jsonify({"error": error.error, "error_description": str(error)})
        return jsonify({"access_token": token, "token_type": "bearer", "scope": ""})


def _add_questions(blueprint: Blueprint, server: GitHubServer, api: str) -> None:
    document, shapes = server.world.document, server.world.shapes

    @blueprint.get(f"{api}/user")
    async def me() -> Response:
        user = _caller(server)
        return jsonify(shapes.user(user) | {"email": user.email})

    @blueprint.get(f"{api}/user/installations")
    async def my_installations() -> Response:
        _caller(server)
        # People see an installation if they have access to one of its repositories: here everybody has.
        return answer_page([shapes.installation(each) for each in document.installations], "installations")

    @blueprint.get(f"{api}/user/memberships/orgs/<name>")
    async def my_membership(name: str) -> Response:
        user = _caller(server)
        if name.lower() != document.organization.login.lower():
            raise AnswerError(404, NOT_FOUND)
        if not any(allows(each.permissions, "members", "read") for each in document.installations):
            raise AnswerError(403, FORBIDDEN)
        answer: Shape = {
            "url": f"{shapes.api}/orgs/{document.organization.login}/memberships/{user.login}",
            "state": "active",
            "role": "admin" if user.login == document.owner else "member",
            "organization": shapes.organization(),
            "user": shapes.user(user),
        }
        return jsonify(answer)


def _caller(server: GitHubServer) -> User:
    return _load_user(server, server.users.load_login(request.headers.get("Authorization", "")))


def _load_user(server: GitHubServer, login: str) -> User:
    user = next((user for user in server.world.document.users if user.login == login), None)
    if user is None:
        raise AnswerError(404, NOT_FOUND)
    return user

"""The first step: what the App may do, whose it is, and the address at which the bot is reached."""

import re
from urllib.parse import urlsplit

from quart import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from bot.credentials import SettingName, save_choices
from bot.settings import Settings
from bot.web.html import render_page
from bot.web.origin import names_this_machine
from bot.web.setup.guard import redirect_to
from bot.web.setup.ports import SetupPorts, load_app_choice, own_url, parse_app_choice
from bot.web.setup.profiles import OPTIONS, PROFILES, describe_permissions

_OWNER = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))?")


def add_profile_step(blueprint: Blueprint, ports: SetupPorts) -> None:
    """Add `/setup/profile`."""

    @blueprint.get("/setup/profile")
    async def profile() -> Response:
        return await _show_form(ports)

    @blueprint.post("/setup/profile")
    async def choose_profile() -> Response:
        form = await request.form
        problem, choices = _parse_form(form, ports.settings)
        if problem:
            return await _show_form(ports, problem, form)
        await save_choices(choices, ports.now())
        return redirect_to("setup.github")


async def _show_form(
    ports: SetupPorts, problem: str = "", typed: MultiDict[str, str] | None = None
) -> Response:
    """The form: with the stored choice or, below the `problem` with it, what was `typed`."""
    settings, choice = await ports.load_settings(), await load_app_choice()
    if typed is not None:
        choice = parse_app_choice(typed.get("profile", ""), typed.getlist("options"), typed.get("owner", ""))
        settings = settings.model_copy(update={"public_url": typed.get("public_url")})
    return await render_page(
        "setup/profile.html",
        status=422 if problem else 200,
        step="profile",
        choice=choice,
        profiles={
            name: (option, describe_permissions(option.permissions)) for name, option in PROFILES.items()
        },
        options={
            name: (option, describe_permissions(option.permissions)) for name, option in OPTIONS.items()
        },
        public_url=settings.public_url or ("" if settings.github_poll else _guess_url(settings)),
        is_from_environment=ports.settings.public_url is not None,
        is_polling=settings.github_poll,
        problem=problem,
        is_connected=settings.has_github,
        app_id=settings.github_app_id,
    )


def _guess_url(settings: Settings) -> str:
    if request.headers.get("X-Forwarded-Proto") == "https":
        return f"https://{request.host}"
    guess = own_url(request, settings)
    # An address of this machine helps only if GitHub runs on this machine.
    return guess if _is_local(settings.github_web_url) or not _is_local(guess) else ""


def _is_local(url: str) -> bool:
    return names_this_machine(urlsplit(url).netloc)


def _parse_form(form: MultiDict[str, str], settings: Settings) -> tuple[str, dict[SettingName, str]]:
    """The first error in the form, empty if it is right, and the choices, empty if it is wrong."""
    profile, owner = form.get("profile", ""), form.get("owner", "").strip()
    options = [name for name in form.getlist("options") if name in OPTIONS]
    public_url = settings.public_url or form.get("public_url", "").strip().rstrip("/")
    if profile not in PROFILES:
        return "Choose what Ripe may do.", {}
    if not _OWNER.fullmatch(owner):
        return f"{owner!r} cannot be an organization's name on GitHub: letters, digits and hyphens.", {}
    choices: dict[SettingName, str] = {"profile": profile, "options": ",".join(options), "owner": owner}
    if not public_url and settings.github_poll:
        return "", choices
    if not _is_base_url(public_url):
        return "The address must look like https://ripe.example.com, with nothing behind the name.", {}
    return "", choices | {"public_url": public_url}


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_possible_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_bare and has_possible_port

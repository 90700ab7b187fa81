"""The way in, what the App is to be, whether everything works, and the end: shadow or live."""

import re
from urllib.parse import urlsplit

import structlog
from quart import Blueprint, Response, request, url_for
from werkzeug.datastructures import MultiDict

from bot.credentials import SettingName, load_choices, save_choices
from bot.doctor.settings import judge_public_url
from bot.settings import Settings
from bot.web.setup.examination import examine_entered
from bot.web.setup.guard import COOKIE, find_session, go_to, refuse, remember, show
from bot.web.setup.held_back import load_held_back
from bot.web.setup.parts import Parts, load_chosen, own_url, read_chosen
from bot.web.setup.passes import AGAIN, PassRefused, close_setup, spend_token
from bot.web.setup.profiles import OPTIONS, PROFILES, describe_permissions, permissions_of
from jobq import write_transaction

log = structlog.get_logger()

_OWNER = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))?")
_MODES = ("live", "shadow")


def add_entrance(blueprint: Blueprint, parts: Parts) -> None:
    """`/setup`: takes the printed token, then leads to the first step that is not done. `/` leads to it."""

    @blueprint.get("/")
    async def home() -> Response:
        return go_to("setup.enter")

    @blueprint.get("/setup")
    async def enter() -> Response:
        if await find_session(parts) is not None:
            return go_to(await _next_step(parts))
        if request.method != "GET" or not request.args.get("token"):
            return await refuse(f"The setup opens with the link that `ripe up --setup` prints. {AGAIN}")
        try:
            session = await spend_token(request.args["token"], parts.now())
        except PassRefused as error:
            log.warning("the setup was refused", reason=str(error))
            return await refuse(str(error))
        log.info("the setup was opened")
        return remember(go_to("setup.enter"), session, parts, await parts.load_settings())


async def _next_step(parts: Parts) -> str:
    settings = await parts.load_settings()
    if not settings.has_github:
        return "setup.github" if (await load_chosen()).is_saved else "setup.profile"
    return "setup.check" if settings.has_slack else "setup.slack"


def add_profile_step(blueprint: Blueprint, parts: Parts) -> None:
    """`/setup/profile`: permissions, whose the App is, and where the bot is reached."""

    @blueprint.get("/setup/profile")
    async def profile() -> Response:
        return await _show_profile(parts)

    @blueprint.post("/setup/profile")
    async def choose_profile() -> Response:
        form = await request.form
        wrong, choices = _read_profile(form, parts.settings)
        if wrong:
            return await _show_profile(parts, wrong, form)
        await save_choices(choices, parts.now())
        return go_to("setup.github")


async def _show_profile(parts: Parts, wrong: str = "", typed: MultiDict[str, str] | None = None) -> Response:
    """The form; with what was `typed`, where that was `wrong`."""
    settings, chosen = await parts.load_settings(), await load_chosen()
    if typed is not None:
        chosen = read_chosen(typed.get("profile", ""), typed.getlist("options"), typed.get("owner", ""))
        settings = settings.model_copy(update={"public_url": typed.get("public_url")})
    return await show(
        "profile.html",
        status=422 if wrong else 200,
        step="profile",
        chosen=chosen,
        profiles={name: (one, describe_permissions(one.permissions)) for name, one in PROFILES.items()},
        options={name: (one, describe_permissions(one.permissions)) for name, one in OPTIONS.items()},
        public_url=settings.public_url or ("" if settings.github_poll else _guess_url(settings)),
        is_from_environment=parts.settings.public_url is not None,
        is_polling=settings.github_poll,
        wrong=wrong,
        is_connected=settings.has_github,
        app_id=settings.github_app_id,
    )


def _guess_url(settings: Settings) -> str:
    if request.headers.get("X-Forwarded-Proto") == "https":
        return f"https://{request.host}"
    guess = own_url(request, settings)
    # One that only this machine knows is of use only where GitHub runs on it, too.
    return guess if _is_local(settings.github_web_url) or not _is_local(guess) else ""


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _read_profile(form: MultiDict[str, str], settings: Settings) -> tuple[str, dict[SettingName, str]]:
    """What is wrong with it, or nothing, and what was chosen."""
    profile, owner = form.get("profile", ""), form.get("owner", "").strip()
    options = [name for name in form.getlist("options") if name in OPTIONS]
    public_url = settings.public_url or form.get("public_url", "").strip().rstrip("/")
    if profile not in PROFILES:
        return "Choose what Ripe may do.", {}
    if not _OWNER.fullmatch(owner):
        return f"{owner!r} cannot be an organization's name on GitHub: letters, digits and hyphens.", {}
    if not public_url and settings.github_poll:
        return "", {"profile": profile, "options": ",".join(options), "owner": owner}
    if not _is_base_url(public_url):
        return "The address must look like https://ripe.example.com, with nothing behind the name.", {}
    return "", {
        "profile": profile, "options": ",".join(options), "owner": owner, "public_url": public_url,
    }  # fmt: skip


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_port_that_can_be = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_bare and has_port_that_can_be


def add_last_steps(blueprint: Blueprint, parts: Parts) -> None:
    """`/setup/check` asks GitHub and Slack; `/setup/mode` ends the setup."""

    @blueprint.get("/setup/check")
    async def check() -> Response:
        settings = await parts.load_settings()
        return await show(
            "check.html",
            step="check",
            findings=[judge_public_url(settings), *await examine_entered(settings, parts.database)],
            is_complete=settings.has_github and settings.has_slack,
            app_url=(await load_choices()).get("app_url"),
            asked=permissions_of((chosen := await load_chosen()).profile, chosen.options),
        )

    @blueprint.get("/setup/mode")
    async def mode() -> Response:
        settings = await parts.load_settings()
        if not (settings.has_github and settings.has_slack):
            return go_to("setup.enter")
        return await show(
            "mode.html",
            step="mode",
            fixed=settings.ripe_mode if "ripe_mode" in parts.settings.model_fields_set else None,
            current=settings.ripe_mode if "finished_at" in await load_choices() else None,
            held_back=await load_held_back(parts.now()),
        )

    @blueprint.post("/setup/mode")
    async def finish() -> Response:
        settings, mode = await parts.load_settings(), (await request.form).get("mode", "")
        if not (settings.has_github and settings.has_slack):
            back = url_for("setup.enter")
            return await refuse("GitHub and Slack have to be connected first.", 409, back)
        if mode not in _MODES:
            return await refuse("Choose to go live or to stay in shadow.", 422, url_for("setup.mode"))
        await _finish(mode, parts)
        settings = await parts.load_settings()  # the environment may say otherwise, and wins
        log.info("the setup was finished", mode=settings.ripe_mode)
        response = await show(
            "done.html", step="done", mode=settings.ripe_mode, chosen=mode, address=settings.public_url
        )
        response.delete_cookie(COOKIE)
        return response


@write_transaction
async def _finish(mode: str, parts: Parts) -> None:
    await save_choices({"ripe_mode": mode}, parts.now())
    await close_setup(parts.now())

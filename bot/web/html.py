"""Pages for browsers: the rendering, the page that refuses, and strict headers."""

from typing import cast

from quart import Response, make_response, render_template

from bot.web.origin import origin_of


async def render_page(template: str, *, status: int = 200, **values: object) -> Response:
    """Render a template, such as `setup/home.html`."""
    html = await render_template(template, **values)
    return cast(Response, await make_response(html, status))


async def render_refusal(reason: str, status: int = 403, back: str = "") -> Response:
    """Render the page that says why not. `back` is the address of its button, which is left out if empty."""
    return await render_page("setup/refused.html", status=status, reason=reason, back=back)


def forbid_foreign_content(response: Response, github_web_url: str) -> Response:
    """Tell the browser to load nothing from other sites, and to send forms to us or to GitHub only."""
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; base-uri 'none'; form-action 'self' {origin_of(github_web_url)}; "
        "frame-ancestors 'none'; object-src 'none'"
    )
    # Not no-referrer: browsers would then hide the Origin of our own forms from us.
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response

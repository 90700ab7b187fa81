"""Exchanges the code of GitHub's manifest flow for the App's secrets. A code works once, within an hour.

https://docs.github.com/en/rest/apps/apps#create-a-github-app-from-a-manifest
"""

import asyncio
import re
from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field, SecretStr, ValidationError

from bot.encryption import tls_context
from bot.model import Parsed, UserError

if TYPE_CHECKING:
    import httpx

ANSWERS_WITHIN = 15.0
"""Seconds."""
_CODE = re.compile(r"[\w-]{1,200}", re.ASCII)


class ConversionError(UserError):
    """GitHub gave no secrets for the code. The text says what to do with the App that it may have made."""


class MadeApp(Parsed):
    """An App that GitHub has just made, with secrets that GitHub shows this once."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int = Field(gt=0)
    html_url: str
    client_id: str
    client_secret: SecretStr
    webhook_secret: SecretStr | None = None
    """None: an App without a webhook."""
    pem: SecretStr

    def credentials(self) -> dict[str, SecretStr]:
        """The secrets by their names in the environment."""
        secret = {} if self.webhook_secret is None else {"GITHUB_WEBHOOK_SECRET": self.webhook_secret}
        return secret | {
            "GITHUB_APP_ID": SecretStr(str(self.id)),
            "GITHUB_APP_PRIVATE_KEY": self.pem,
            "GITHUB_CLIENT_ID": SecretStr(self.client_id),
            "GITHUB_CLIENT_SECRET": self.client_secret,
        }


async def convert(api_url: str, code: str) -> MadeApp:
    """The App for which GitHub gave this code. Raises ConversionError.

    GitHub is asked once: if its answer is lost, nobody can know whether the code is used up.
    """
    import httpx  # here, because most processes ask nobody

    if not _CODE.fullmatch(code):
        raise ConversionError("GitHub sent you back without a usable code.")
    try:
        async with (
            asyncio.timeout(ANSWERS_WITHIN),  # of all; httpx bounds each part of an answer
            httpx.AsyncClient(timeout=ANSWERS_WITHIN, verify=tls_context()) as client,
        ):
            answer = await client.post(
                f"{api_url}/app-manifests/{code}/conversions",
                headers={"Accept": "application/vnd.github+json"},
            )
    except (httpx.TransportError, TimeoutError) as error:
        raise ConversionError(
            f"GitHub gave no answer ({type(error).__name__}). It has made an App whose secrets are lost: "
            "delete it there, then make another."
        ) from None
    return _parse(answer)


def _parse(answer: "httpx.Response") -> MadeApp:
    if answer.status_code == 404:
        raise ConversionError(
            "GitHub does not know this code: it was used before, or is older than an hour. "
            "If it has made an App, delete that one there, then make another."
        )
    if answer.status_code != 201:
        raise ConversionError(
            f"GitHub answers {answer.status_code}. If it has made an App, delete it there, then make another."
        )
    try:
        return MadeApp.model_validate_json(answer.content)
    except ValidationError as error:
        fields = ", ".join(
            str(problem["loc"][0]) for problem in error.errors(include_input=False) if problem["loc"]
        )
        # From None: the validation error carries GitHub's answer, secrets and all.
        raise ConversionError(f"GitHub's answer lacks what is needed: {fields or 'it is no JSON'}.") from None

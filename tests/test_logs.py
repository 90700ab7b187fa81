"""The logs: their formats, their levels, and the secrets that they hide."""

import io
import json
import logging
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.logs import _SECRET_TEXT, HIDDEN, hide_secrets, hide_secrets_in, setup_logs

pytestmark = pytest.mark.usefixtures("logging_as_before")

FRAGMENTS = (
    *(
        "xoxb",
        "xoxb-1",
        "xapp-1",
        "?ticket=",
        "&ticket=a",
        "ghs_",
        "GHS_abcd",
        "ghp_abcd",
        "github_pat_a",
        "eyJ",
    ),
    *("eyJa.b.c", ".", "-----BEGIN ", "KEY-----", "://", "user:pass@", "@", "Bearer ", "bearer abcdefghij"),
    *("BASIC ", "ba\u017fic ", "abcdefghij", " ", "/", "acme/api#12", "done"),
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_events_and_those_of_libraries_are_lines_of_json() -> None:
    stream = io.StringIO()
    setup_logs(stream=stream)
    structlog.get_logger("bot.jobs").info("job done", job_id=7)
    logging.getLogger("slack_bolt").warning("slow by %s s", 3)
    ours, theirs = lines(stream)
    assert (ours["message"], ours["job_id"], ours["level"]) == ("job done", 7, "info")
    assert (theirs["message"], theirs["logger"], theirs["level"]) == ("slow by 3 s", "slack_bolt", "warning")
    assert ours["timestamp"].endswith("Z")


def test_a_terminal_gets_columns_and_not_json() -> None:
    stream = Terminal()
    setup_logs(stream=stream)
    structlog.get_logger().info("job done", job_id=7)
    assert "job done" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_the_format_can_be_chosen_for_any_stream() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    setup_logs(form="json", stream=terminal)
    structlog.get_logger().info("job done")
    setup_logs(form="text", stream=pipe)
    structlog.get_logger().info("job done")
    assert lines(terminal)[0]["message"] == "job done"
    assert not pipe.getvalue().startswith("{")
    assert "\x1b" not in pipe.getvalue()


def test_events_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    setup_logs("WARNING", stream=stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("httpx").info("quiet")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("library", ["slack_bolt", "slack_sdk.web.async_base_client", "github.Requester"])
def test_libraries_log_no_requests_even_at_debug_level(library: str) -> None:
    stream = io.StringIO()
    setup_logs("DEBUG", stream=stream)
    logging.getLogger(library).debug("body_params: {'text': 'what a person wrote'}")
    logging.getLogger("bot.jobs").debug("ours")
    assert [line["message"] for line in lines(stream)] == ["ours"]


def test_context_variables_are_on_every_line() -> None:
    stream = io.StringIO()
    setup_logs(stream=stream)
    with structlog.contextvars.bound_contextvars(delivery="g-1"):
        logging.getLogger("any").info("seen")
    assert lines(stream)[0]["delivery"] == "g-1"


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1234-abcd",
        "xoxe.xoxp-1-Mi0yLTEyMw",
        "xapp-1-A012-34",
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11ABCDE0Q0_abc",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIE cut off",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2ln",
    ],
)
def test_text_shaped_like_a_credential_is_hidden_anywhere(secret: str) -> None:
    event = hide_secrets(None, "", {"event": f"sent {secret} there", "args": [{"url": f"?q={secret}"}]})
    assert secret.removeprefix("xoxe.") not in json.dumps(event).replace("\\n", "\n")
    assert str(event["event"]).startswith("sent ")


@pytest.mark.parametrize("name", ["token", "SLACK_BOT_TOKEN", "client_secret", "Authorization", "password"])
def test_a_value_with_a_secret_name_is_hidden(name: str) -> None:
    event = hide_secrets(None, "", {"headers": {name: "plain"}})
    assert event == {"headers": {name: HIDDEN}}


def test_the_user_and_password_of_an_address_are_hidden_and_the_host_is_not() -> None:
    hidden = hide_secrets_in("cannot reach postgresql://ripe:p%40ss@db:5432/ripe?x=1")
    assert hidden == f"cannot reach postgresql://{HIDDEN}@db:5432/ripe?x=1"


def test_a_bearer_in_a_sentence_is_hidden() -> None:
    assert hide_secrets_in("Authorization: Bearer abcdefghij") == f"Authorization: Bearer {HIDDEN}"


def test_a_traceback_shows_no_secrets() -> None:
    stream = io.StringIO()
    setup_logs(stream=stream)
    try:
        raise RuntimeError("bad token xoxb-1234-abcd")
    except RuntimeError:
        structlog.get_logger().exception("failed")
    assert "xoxb-1234" not in stream.getvalue()
    assert "RuntimeError: bad token" in lines(stream)[0]["exception"]


def test_ids_and_counts_are_not_hidden() -> None:
    event = {
        "event": "asked",
        "job_id": 7,
        "late": 1.5,
        "is_draft": False,
        "repository": "acme/api",
        "none": None,
    }
    assert hide_secrets(None, "", dict(event)) == event


def test_our_events_name_their_module_and_take_arguments() -> None:
    stream = io.StringIO()
    setup_logs(stream=stream)
    structlog.get_logger().warning("slow by %s s", 3, job_id=7)
    (line,) = lines(stream)
    assert (line["logger"], line["level"], line["message"]) == (__name__, "warning", "slow by 3 s")


class ClosedPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_closed_pipe_fails_no_work() -> None:
    setup_logs(stream=ClosedPipe())
    structlog.get_logger().info("job done")


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join))
def test_text_that_is_not_searched_holds_no_secret(text: str) -> None:
    assert hide_secrets_in(text) == _SECRET_TEXT.sub(HIDDEN, text)

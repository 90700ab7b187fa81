"""The settings of the operator, and the error text for each wrong one."""

import base64
import json
import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.settings import (
    Settings,
    SettingsError,
    load_settings,
    load_settings_of_running_bot,
    require_database,
    running_file,
)

ROOT = Path(__file__).parent.parent
FOR_OPERATORS = sorted(name.upper() for name in Settings.model_fields if name != "sandbox_url")
"""`ripe up` sets SANDBOX_URL; operators do not."""


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def problems(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value).splitlines()


def test_without_any_credentials_it_is_the_sandbox_and_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.is_sandbox
    assert (settings.has_github, settings.has_slack) == (False, False)
    assert settings.github_api_url == "https://api.github.com"
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.ripe_mode == "shadow"


def test_real_credentials_are_not_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "s")
    settings = load_settings()
    assert settings.has_slack
    assert not settings.is_sandbox


def test_the_sandboxs_own_credentials_are_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "s")
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:8081")
    assert load_settings().is_sandbox


def test_an_empty_value_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("GITHUB_APP_ID", "")
    assert load_settings().database_url is None


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=9001\nRIPE_MODE=live\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("PORT", "9002")
    settings = load_settings()
    assert (settings.port, settings.ripe_mode) == (9002, "live")


def test_a_private_key_may_be_text_a_path_or_text_with_escaped_newlines(
    monkeypatch: pytest.MonkeyPatch, pem: str
) -> None:
    Path("app.pem").write_text(pem)
    monkeypatch.setenv("GITHUB_APP_ID", "7")
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "s")
    for value in (pem, "app.pem", pem.replace("\n", "\\n")):
        monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", value)
        key = load_settings().github_app_private_key
        assert key is not None
        assert key.get_secret_value() == pem


def test_several_webhook_secrets_are_a_comma_separated_list(
    monkeypatch: pytest.MonkeyPatch, pem: str
) -> None:
    monkeypatch.setenv("GITHUB_APP_ID", "7")
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", pem)
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "new, old,")
    assert [secret.get_secret_value() for secret in load_settings().github_webhook_secret] == ["new", "old"]


def test_every_wrong_value_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = problems(
        monkeypatch,
        DATABASE_URL="mysql://db",
        PORT="99999",
        GITHUB_API_URL="github.example.com",
        SECRET_KEYS="short",
        SLACK_BOT_TOKEN="xoxp-hush",
        RIPE_MODE="loud",
    )
    assert [line.split(":")[0] for line in lines] == [
        "DATABASE_URL",
        "PORT",
        "SECRET_KEYS",
        "GITHUB_API_URL",
        "SLACK_BOT_TOKEN",
        "RIPE_MODE",
    ]
    assert "postgresql://user:password@host:5432/database" in lines[0]
    assert "hush" not in "\n".join(lines)


def elliptic_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "value",
    ["/no/such/file.pem", "-----BEGIN RSA PRIVATE KEY-----\nnope", elliptic_pem()],
    ids=["no file", "no key", "not RSA"],
)
def test_an_unusable_private_key_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    lines = problems(monkeypatch, GITHUB_APP_PRIVATE_KEY=value)
    assert lines[0].startswith("GITHUB_APP_PRIVATE_KEY: ")
    assert value not in lines[0]


def test_half_a_set_of_credentials_is_a_mistake_and_not_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, GITHUB_APP_ID="7") == [
        "GITHUB_APP_PRIVATE_KEY, GITHUB_WEBHOOK_SECRET: missing, and needed because GITHUB_APP_ID is set"
    ]


def test_socket_mode_needs_no_signing_secret_but_the_bots_token(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, SLACK_APP_TOKEN="xapp-1") == [
        "SLACK_BOT_TOKEN: missing, and needed because SLACK_APP_TOKEN is set"
    ]
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    assert load_settings().has_slack
    monkeypatch.delenv("SLACK_APP_TOKEN")
    assert problems(monkeypatch) == [
        "SLACK_SIGNING_SECRET: missing, and needed because SLACK_BOT_TOKEN is set"
    ]


def announce(**values: str) -> None:
    path = running_file(Path(".ripe"))
    path.parent.mkdir()
    path.write_text(json.dumps(values))


def test_a_command_beside_a_running_bot_uses_what_that_one_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(
        DATABASE_URL="postgresql://generated/db", SECRET_KEYS=Fernet.generate_key().decode(), PORT="9001"
    )
    monkeypatch.setenv("PORT", "9002")
    settings = load_settings_of_running_bot()
    assert require_database(settings) == "postgresql://generated/db"
    assert (len(settings.secret_keys), settings.port) == (1, 9002)


def test_a_command_with_a_database_of_its_own_ignores_a_running_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(DATABASE_URL="postgresql://generated/db", PORT="9001")
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine/db")
    settings = load_settings_of_running_bot()
    assert (require_database(settings), settings.port) == ("postgresql://mine/db", 8080)


def test_a_direct_address_without_the_database_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, DATABASE_DIRECT_URL="postgresql://h/d") == [
        "DATABASE_URL: missing, and needed because DATABASE_DIRECT_URL is set"
    ]


def test_a_process_that_needs_a_database_says_so() -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: missing"):
        require_database(load_settings())


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Fernet.generate_key().decode()
    monkeypatch.setenv("SECRET_KEYS", key)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hush@h/d")
    text = repr(load_settings())
    assert key not in text
    assert "hush" not in text


def test_the_example_file_names_every_setting_an_operator_makes() -> None:
    named = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted([*FOR_OPERATORS, "POSTGRES_PASSWORD"])  # compose.yaml needs that one


def test_the_readme_explains_every_setting_an_operator_makes() -> None:
    table = (ROOT / "README.md").read_text().partition("| Setting | What it is |\n")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])]
    assert sorted(named) == FOR_OPERATORS


@pytest.mark.parametrize(
    ("pasted", "used"),
    [
        ("postgres://u:p@host/db", "postgres://u:p@host/db"),
        (
            "postgresql://u:p%40@ep-1.neon.example/db?sslmode=require&channel_binding=require",
            "postgresql://u:p%40@ep-1.neon.example/db?sslmode=require",
        ),
        (
            "postgres://u:p@host/db?connect_timeout=10&keepalives=1&keepalives_idle=30&ssl=true",
            "postgres://u:p@host/db?sslmode=require",
        ),
        ("postgresql://u:p@host:6543/db?schema=ripe&sslmode=no-verify", None),
        ("  postgres://u:p@host/db\n", "postgres://u:p@host/db"),
        ('"postgres://u:p@host/db"', "postgres://u:p@host/db"),
    ],
)
def test_a_database_address_is_read_as_hosts_print_it(
    monkeypatch: pytest.MonkeyPatch, pasted: str, used: str | None
) -> None:
    monkeypatch.setenv("DATABASE_URL", pasted)
    expected = used or "postgresql://u:p@host:6543/db?search_path=ripe&sslmode=require"
    assert require_database(load_settings()) == expected


def test_a_pooler_needs_the_address_of_postgres_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pooled = "postgresql://u:p@host:6543/db?pgbouncer=true&connection_limit=1"
    (problem,) = problems(monkeypatch, DATABASE_URL=pooled)
    assert problem.startswith(
        "DATABASE_DIRECT_URL: missing, and needed because DATABASE_URL leads to PgBouncer"
    )
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://u:p@host:5432/db")
    assert require_database(load_settings()) == "postgresql://u:p@host:6543/db"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "  "])
def test_secrets_lose_the_newline_of_the_file_that_they_come_from(
    monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", f"xoxb-1{ending}")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", f"'secret'{ending}")
    settings = load_settings()
    assert settings.slack_bot_token is not None
    assert settings.slack_bot_token.get_secret_value() == "xoxb-1"
    assert settings.slack_signing_secret is not None
    assert settings.slack_signing_secret.get_secret_value() == "secret"


@pytest.mark.parametrize("width", [0, 64])
def test_a_private_key_may_be_base64(monkeypatch: pytest.MonkeyPatch, pem: str, width: int) -> None:
    encoded = base64.b64encode(pem.encode()).decode()
    lines = [encoded[at : at + width] for at in range(0, len(encoded), width)] if width else [encoded]
    monkeypatch.setenv("GITHUB_APP_ID", "1")
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "s")
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", "\n".join(lines))
    key = load_settings().github_app_private_key
    assert key is not None
    assert key.get_secret_value() == pem


def test_a_fernet_key_may_be_in_standard_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = bytes(range(224, 256))
    monkeypatch.setenv("SECRET_KEYS", base64.b64encode(raw).decode().rstrip("="))
    (key,) = load_settings().secret_keys
    assert key.get_secret_value() == base64.urlsafe_b64encode(raw).decode()


def test_the_address_to_listen_on_can_be_set_but_the_sandbox_stays_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RIPE_HOST", "10.0.0.5")
    assert load_settings().host == "127.0.0.1"
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "s")
    assert load_settings().host == "10.0.0.5"
    monkeypatch.delenv("RIPE_HOST")
    assert load_settings().host == "0.0.0.0"  # noqa: S104

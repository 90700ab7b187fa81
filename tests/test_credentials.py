"""Credentials in the database: only the bot can read them, and their keys can be replaced."""

import asyncio
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.app import open_app
from bot.credentials import CredentialStore, complete_settings, save_choices
from bot.settings import Settings, SettingsError
from jobq import Database, utc_now
from tests.databases import pg_dump
from tests.github_server import private_key
from tests.promises import Promise

PLANTED = {
    "GITHUB_APP_ID": SecretStr("4711"),
    "GITHUB_WEBHOOK_SECRET": SecretStr("planted webhook secret"),
    "GITHUB_CLIENT_ID": SecretStr("Iv1.planted"),
    "GITHUB_CLIENT_SECRET": SecretStr("planted client secret"),
    "SLACK_BOT_TOKEN": SecretStr("xoxb-planted"),
    "SLACK_SIGNING_SECRET": SecretStr("planted signing secret"),
    "SLACK_CLIENT_ID": SecretStr("1234567890.987654321"),
    "SLACK_CLIENT_SECRET": SecretStr("planted slack secret"),
}


def key() -> SecretStr:
    return SecretStr(Fernet.generate_key().decode())


def settings_with(dsn: str, **values: object) -> Settings:
    return Settings(_env_file=None, database_url=dsn, **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


async def plant(*keys: SecretStr) -> dict[str, SecretStr]:
    planted = {**PLANTED, "GITHUB_APP_PRIVATE_KEY": private_key()}
    await CredentialStore(keys).save(planted, utc_now())
    return planted


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.torture)])
async def test_no_planted_credential_is_found_in_a_dump_in_any_spelling(
    db: Database, dsn: str, promise: Promise, times: int
) -> None:
    for _ in range(times):
        planted = await plant(key())
    dump = pg_dump(dsn)
    assert b"SLACK_BOT_TOKEN" in dump
    texts = [line for secret in planted.values() for line in secret.get_secret_value().splitlines()]
    leaked = [text for text in texts if text.encode() in dump or text.encode().hex().encode() in dump]
    promise("D1", f"{len(planted)} credentials planted {times} times, pg_dump", f"{len(leaked)} found")
    assert leaked == []


async def test_the_processes_get_what_was_entered(db: Database, dsn: str) -> None:
    newest = key()
    planted = await plant(newest)
    settings = await complete_settings(settings_with(dsn, secret_keys=[newest]))
    assert settings.github_app_id == 4711
    assert settings.github_app_private_key == planted["GITHUB_APP_PRIVATE_KEY"]
    assert settings.github_webhook_secret == [PLANTED["GITHUB_WEBHOOK_SECRET"]]
    assert (settings.github_client_id, settings.slack_client_id) == ("Iv1.planted", "1234567890.987654321")
    assert settings.github_client_secret == PLANTED["GITHUB_CLIENT_SECRET"]
    assert settings.slack_bot_token == PLANTED["SLACK_BOT_TOKEN"]
    assert settings.slack_signing_secret == PLANTED["SLACK_SIGNING_SECRET"]
    assert not settings.is_sandbox
    async with open_app(settings_with(dsn, secret_keys=[newest])) as app:
        assert app.settings.slack_bot_token == PLANTED["SLACK_BOT_TOKEN"]


async def test_the_environment_wins_and_credentials_of_two_apps_are_never_mixed(
    db: Database, dsn: str
) -> None:
    newest = key()
    await plant(newest)
    await save_choices({"ripe_mode": "live", "public_url": "https://stored.example"}, utc_now())
    set_outside = {
        "slack_bot_token": "xoxb-outside", "slack_signing_secret": "outside", "ripe_mode": "shadow",
    }  # fmt: skip
    settings = await complete_settings(settings_with(dsn, secret_keys=[newest], **set_outside))
    assert settings.slack_bot_token == SecretStr("xoxb-outside")
    assert settings.slack_client_id is None
    assert settings.github_app_id == 4711
    assert (settings.ripe_mode, settings.public_url) == ("shadow", "https://stored.example")


async def test_the_stored_mode_counts_if_the_environment_sets_none(db: Database, dsn: str) -> None:
    newest = key()
    await plant(newest)
    async with open_app(settings_with(dsn, secret_keys=[newest])) as app:
        assert not await app.switch.is_live()
    await save_choices({"ripe_mode": "live"}, utc_now())
    async with open_app(settings_with(dsn, secret_keys=[newest])) as app:
        assert await app.switch.is_live()


async def test_the_sandbox_keeps_its_own_credentials(db: Database, dsn: str) -> None:
    await plant(key())
    settings = settings_with(dsn, sandbox_url="http://127.0.0.1:9", slack_bot_token="xoxb-sandbox",
                             slack_signing_secret="s")  # fmt: skip
    assert await complete_settings(settings) == settings


async def test_a_new_key_is_put_first_and_the_old_one_dropped_after_a_start(db: Database, dsn: str) -> None:
    old, new = key(), key()
    await plant(old)
    await complete_settings(settings_with(dsn, secret_keys=[new, old]))
    settings = await complete_settings(settings_with(dsn, secret_keys=[new]))
    assert settings.slack_bot_token == PLANTED["SLACK_BOT_TOKEN"]
    assert await CredentialStore([new]).renew() == 0


async def test_a_lost_key_is_reported_with_the_name_of_its_credential(db: Database, dsn: str) -> None:
    await plant(key())
    with pytest.raises(SettingsError, match=r"SECRET_KEYS: none of them decrypts GITHUB_APP_ID"):
        await complete_settings(settings_with(dsn, secret_keys=[key()]))
    with pytest.raises(SettingsError, match=r"SECRET_KEYS: missing"):
        await complete_settings(settings_with(dsn))


async def test_the_key_that_was_made_beside_the_embedded_database_is_found(
    db: Database, dsn: str, tmp_path: Path
) -> None:
    made = key()
    (tmp_path / "secret-key").write_text(made.get_secret_value())
    await plant(made)
    settings = await complete_settings(settings_with(dsn, ripe_home=tmp_path))
    assert settings.slack_bot_token == PLANTED["SLACK_BOT_TOKEN"]


async def test_nothing_shows_a_credential_by_accident(db: Database, dsn: str) -> None:
    newest = key()
    await plant(newest)
    store = CredentialStore([newest])
    settings = await complete_settings(settings_with(dsn, secret_keys=[newest]))
    shown = repr((store, vars(store), await store.load(), settings))
    assert not [name for name, value in PLANTED.items() if value.get_secret_value() in shown
                and name not in ("GITHUB_APP_ID", "GITHUB_CLIENT_ID", "SLACK_CLIENT_ID")]  # fmt: skip


@pytest.mark.parametrize("turns", [10, pytest.param(200, marks=pytest.mark.torture)])
async def test_keys_are_replaced_while_other_processes_read(
    db: Database, dsn: str, promise: Promise, turns: int
) -> None:
    old, new = key(), key()
    await plant(old)
    stores = [CredentialStore([new, old]), CredentialStore([old, new])]
    reads, failures, rotations = 0, 0, 0
    done = asyncio.Event()

    async def read(store: CredentialStore) -> None:
        nonlocal reads, failures
        while not done.is_set():
            try:
                loaded = await store.load()
                failures += any(loaded[name] != value for name, value in PLANTED.items())
            except SettingsError:
                failures += 1
            reads += 1

    readers = [asyncio.create_task(read(store)) for store in stores * 2]
    for turn in range(turns):
        rotations += await stores[turn % 2].renew()
    done.set()
    await asyncio.gather(*readers)
    promise("D1", f"{rotations} re-encryptions during {reads} reads", f"{failures} failures")
    assert failures == 0
    assert rotations == turns * 9
    assert reads > turns

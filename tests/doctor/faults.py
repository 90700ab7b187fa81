"""Faults: each function breaks one thing of a healthy bot."""

from datetime import datetime, timedelta

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from bot.clock import Clock
from bot.flows.catalog import Lane
from bot.sandbox.github.routes import Fault
from bot.sandbox.webhooks import Webhooks
from jobq import Job
from tests.doctor.scene import Scene

PERMISSIONS = {"metadata": "read", "pull_requests": "write", "members": "read"}


class FastClock(Clock):
    """A machine whose clock is 90 seconds ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=90)


def without(permission: str) -> dict[str, str]:
    return {name: level for name, level in PERMISSIONS.items() if name != permission}


# --- settings --------------------------------------------------------------------------------------------


async def no_slack_credentials(scene: Scene) -> None:
    scene.set(slack_bot_token=None, slack_signing_secret=None)


async def no_public_address(scene: Scene) -> None:
    scene.set(sandbox_url=None, ripe_mode="live", public_url=None)


async def an_address_without_encryption(scene: Scene) -> None:
    scene.set(sandbox_url=None, ripe_mode="live")


async def no_secret_keys(scene: Scene) -> None:
    scene.set(secret_keys=[])


async def credentials_that_no_key_decrypts(scene: Scene) -> None:
    value = Fernet(Fernet.generate_key()).encrypt(b"1")
    await scene.execute("INSERT INTO credential VALUES ('GITHUB_APP_ID', $1, now())", value)
    scene.set(sandbox_url=None, github_app_id=None, github_app_private_key=None, github_webhook_secret=[])


async def a_token_that_no_key_decrypts(scene: Scene) -> None:
    value = Fernet(Fernet.generate_key()).encrypt(b"xoxb-1")
    await scene.execute("UPDATE workspace SET bot_token = $1", value)


async def a_token_and_no_keys(scene: Scene) -> None:
    await a_token_that_no_key_decrypts(scene)
    scene.set(secret_keys=[], ripe_home="/nowhere")


# --- database --------------------------------------------------------------------------------------------


async def no_postgres_there(scene: Scene) -> None:
    scene.set(database_url="postgresql://nobody@127.0.0.1:9/none")


async def no_such_database(scene: Scene) -> None:
    head, _, query = scene.dsn.partition("?")
    scene.set(database_url=f"{head.rpartition('/')[0]}/nowhere" + (f"?{query}" if query else ""))


async def no_way_past_the_pooler(scene: Scene) -> None:
    scene.set(database_direct_url="postgresql://nobody@127.0.0.1:9/none")


async def a_database_that_is_read_only(scene: Scene) -> None:
    name = await scene.bot.app.database.fetchval("SELECT current_database()")
    await scene.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")


async def a_migration_that_is_missing(scene: Scene) -> None:
    await scene.execute("DELETE FROM schema_migration WHERE number = 2")


async def a_migration_that_was_changed(scene: Scene) -> None:
    await scene.execute("UPDATE schema_migration SET checksum = 'another' WHERE number = 2")


async def a_newer_schema(scene: Scene) -> None:
    await scene.execute("INSERT INTO schema_migration VALUES (9999, '9999_future.sql', 'x')")


async def a_clock_that_is_fast(scene: Scene) -> None:
    scene.clock = FastClock


# --- queue -----------------------------------------------------------------------------------------------


async def no_worker_for_an_hour(scene: Scene) -> None:
    queue = scene.bot.app.queue
    job = Job(job_type="remind_reviewer", arguments={"request_id": 999}, lane=Lane.CALLS)
    await queue.save(job.runs_at(queue.now() - timedelta(hours=1)))


async def a_dead_job(scene: Scene) -> None:
    await scene.execute(
        """
        INSERT INTO job_dead (id, lane, job_type, arguments, created_at, tries, max_retries,
            base_retry_minutes, last_error, died_at)
        VALUES (999, 1, 'assign_reviewers', '{}', now(), 14, 13, 5, 'ValueError', now())
        """
    )


async def a_rejected_payload(scene: Scene) -> None:
    await scene.execute(
        """
        INSERT INTO delivery (workspace_id, guid, event, received_at, outcome, note)
        SELECT min(id), 'g-1', 'pull_request', '2037-11-20 12:00Z', 'rejected', 'number: missing'
        FROM workspace
        """
    )


# --- people ----------------------------------------------------------------------------------------------


async def a_reviewer_nobody_knows(scene: Scene) -> None:
    (pull,) = scene.bot.github.document.pulls
    scene.bot.github.request_review(pull, ["dev"], by="ben")
    await scene.bot.settle()


async def nobody_is_connected(scene: Scene) -> None:
    await scene.execute("DELETE FROM account")


async def a_repository_without_rules(scene: Scene) -> None:
    await scene.execute("DELETE FROM repository_config WHERE full_name = 'acme/web'")


async def rules_without_a_rule(scene: Scene) -> None:
    config = """{"rules": []}"""
    await scene.execute("UPDATE repository_config SET document = document || $1::jsonb", config)


async def a_rule_that_names_a_stranger(scene: Scene) -> None:
    await scene.execute("DELETE FROM account WHERE login = 'cho'")


async def a_colleague_who_left(scene: Scene) -> None:
    await scene.execute("UPDATE person SET is_active = false WHERE slack_user_id = 'U0CHO00001'")


async def a_colleague_whose_leaving_was_missed(scene: Scene) -> None:
    change_profile(scene, deleted=True)


async def a_guest_who_reviews(scene: Scene) -> None:
    change_profile(scene, is_restricted=True)


def change_profile(scene: Scene, **changes: bool) -> None:
    """Of Cho, and no event tells the bot."""
    users = scene.bot.slack.state.users
    users["U0CHO00001"] = users["U0CHO00001"].model_copy(update=changes)


# --- GitHub ----------------------------------------------------------------------------------------------


async def another_apps_key(scene: Scene) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    scene.set(github_app_private_key=SecretStr(pem))


async def github_is_down(scene: Scene) -> None:
    scene.bot.server.faults.append(Fault(status=502, times=100, path="/api"))


async def a_permission_the_app_does_not_ask_for(scene: Scene) -> None:
    await scene.change_app(permissions=without("pull_requests"))


async def an_app_that_may_only_notify(scene: Scene) -> None:
    await scene.change_app(permissions={"metadata": "read", "pull_requests": "read"})


async def an_event_github_does_not_tell(scene: Scene) -> None:
    await scene.change_app(events=["pull_request"])


async def access_to_code(scene: Scene) -> None:
    await scene.change_app(permissions=PERMISSIONS | {"contents": "read"})


async def no_installation(scene: Scene) -> None:
    scene.bot.github.uninstall(scene.bot.github.document.installations[0])


async def a_suspended_installation(scene: Scene) -> None:
    scene.bot.github.suspend(scene.bot.github.document.installations[0])


async def a_permission_that_was_not_granted(scene: Scene) -> None:
    scene.bot.github.document.installations[0].permissions = without("members")


async def no_repository_selected(scene: Scene) -> None:
    installation = scene.bot.github.document.installations[0]
    scene.bot.github.change_repositories(installation, removed=["acme/api", "acme/web"])


async def a_webhook_that_goes_elsewhere(scene: Scene) -> None:
    await scene.change_hook(url="https://old.example.com/github/webhooks")


async def a_webhook_that_posts_forms(scene: Scene) -> None:
    await scene.change_hook(content_type="form")


async def a_webhook_that_nobody_answers(scene: Scene) -> None:
    webhooks = scene.bot.github.webhooks
    right, webhooks.url = webhooks.url, "http://127.0.0.1:9/github/webhooks"
    scene.bot.github.ping("acme/api")
    await webhooks.idle()
    webhooks.url = right


async def a_wrong_webhook_secret(scene: Scene) -> None:
    webhooks = scene.bot.github.webhooks
    wrongly_signed = Webhooks(webhooks.url, SecretStr("another"), scene.bot.clock.now)
    wrongly_signed.emit("ping", {"zen": "Keep it logically awesome."})
    await wrongly_signed.idle()
    await wrongly_signed.close()
    webhooks.log += wrongly_signed.log


async def a_webhook_that_was_lost_once(scene: Scene) -> None:
    await a_webhook_that_nobody_answers(scene)
    scene.bot.github.ping("acme/api")
    await scene.bot.github.webhooks.idle()


async def paths_that_may_not_be_read(scene: Scene) -> None:
    message = "Resource not accessible by integration"
    scene.bot.server.faults.append(Fault(graphql="FORBIDDEN", message=message, times=9))


# --- Slack -----------------------------------------------------------------------------------------------


async def a_revoked_token(scene: Scene) -> None:
    scene.bot.slack.state.is_revoked = True


async def slack_is_down(scene: Scene) -> None:
    scene.set(slack_api_url="http://127.0.0.1:9/api/")


async def a_missing_scope(scene: Scene) -> None:
    scene.bot.slack.scopes.discard("im:write")


async def a_scope_that_is_only_useful(scene: Scene) -> None:
    scene.bot.slack.scopes.discard("im:history")


# --- refusals --------------------------------------------------------------------------------------------


async def files_that_github_does_not_tell(scene: Scene) -> None:
    await scene.execute(
        """
        INSERT INTO obstacle (workspace_id, pull_request_id, call, reason, since, last_at, until)
        SELECT workspace_id, id, 'files', '502', $1, $2, $2 FROM pull_request
        """,
        scene.bot.clock.now() - timedelta(hours=1),
        scene.bot.clock.now(),
    )


async def a_person_whom_slack_refuses(scene: Scene) -> None:
    await scene.execute(
        """
        INSERT INTO obstacle (workspace_id, person_id, call, reason, since, last_at)
        SELECT workspace_id, id, 'dms', 'user_disabled', $1, $1 FROM person WHERE name = 'cho'
        """,
        scene.bot.clock.now(),
    )

"""The local Slack with the people in it, who click and type."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from bot.sandbox.slack import payloads
from bot.sandbox.slack.answers import apply_command_answer, apply_submission_answer
from bot.sandbox.slack.interaction import Typed, action_of, choose, escape_command, fill_in, find_element
from bot.sandbox.slack.model import ImpossibleError, Json, Message, Reply, ResponseUrl, User, View
from bot.sandbox.slack.mrkdwn import Link, Mention, links_in, mentions_in
from bot.sandbox.slack.render import render_message, render_view
from bot.sandbox.slack.sender import Sender
from bot.sandbox.slack.snapshot import take_snapshot
from bot.sandbox.slack.workspace import Workspace


class SlackWorld(Workspace):
    """A workspace whose people use the bot at `bot_url`.

    Methods take people by id or name. Each act of a person sends a signed HTTP request to the bot and returns
    its answer. It raises ImpossibleError if a person could not do it, such as click on a button that does not
    exist.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        bot_token: SecretStr,
        signing_secret: SecretStr,
        bot_url: str,
        state_file: Path | None = None,
    ) -> None:
        super().__init__(now, bot_token, state_file)
        self.sender = Sender(signing_secret, bot_url)

    async def close(self) -> None:
        """Ends the connections to the bot."""
        await self.sender.close()

    # How people see the workspace

    def rendered_text(self, message: Message) -> str:
        """The message as a person reads it, in plain text."""
        return render_message(message, self._names())

    def rendered_view(self, view: View) -> str:
        return render_view(view, self._names())

    def mentions_in(self, message: Message) -> list[Mention]:
        """The mentions that notify somebody."""
        ids = {name: user_id for user_id, name in self._names().items()}
        return mentions_in(message, ids)

    def links_in(self, message: Message) -> list[Link]:
        """The links in the message's text."""
        return links_in(message)

    def snapshot(self) -> Json:
        """Everything as JSON: users, DMs as people read them, open views, and the last calls."""
        return take_snapshot(self, self._names())

    def _names(self) -> dict[str, str]:
        return {user.id: user.name for user in self.state.users.values()}

    # Acts of people

    async def click(self, user: str, message_ts: str, action_id: str, value: Typed = None) -> Reply:
        """Use a button or a menu of a message. `value` is the option, or tells buttons apart."""
        person, message = self._person(user), self._seen(user, message_ts)
        block, element = find_element(message.blocks, action_id, value)
        _remember(message.choices, block, element, value)
        action = action_of(block, element, value, self.new_ts())
        reply = await self.sender.send_payload(payloads.message_click(self, person, message, action))
        return self._done(reply.model_copy(update={"url": element.get("url")}))

    async def click_in_view(self, user: str, view: View | str, action_id: str, value: Typed = None) -> Reply:
        """The same in a modal or on the Home tab."""
        person, opened = self._person(user), self._opened(user, view)
        block, element = find_element(opened.definition["blocks"], action_id, value)
        _remember(opened.choices, block, element, value)
        action = action_of(block, element, value, self.new_ts())
        reply = await self.sender.send_payload(payloads.view_click(self, person, opened, action))
        return self._done(reply.model_copy(update={"url": element.get("url")}))

    async def run_command(self, user: str, command: str, text: str = "") -> Reply:
        """Type a slash command in the DM with the bot. The answer becomes a message: see `message_ts`."""
        person = self._person(user)
        channel = self.dm_with(person)
        escaped = escape_command(text, {user.name: user for user in self.state.users.values()})
        fields = payloads.command_fields(self, person, command, escaped, channel)
        reply = await self.sender.send_form(fields)
        place = ResponseUrl(user=person.id, channel=channel, expires_at=self.now())
        return self._done(apply_command_answer(self, place, reply))

    async def submit_view(self, user: str, view: View | str, values: Mapping[str, Typed]) -> Reply:
        """Fill in a modal and press its button. `values` by block id or action id.

        With `errors` in the reply the modal stays open and shows them under its fields.
        """
        person, opened = self._person(user), self._opened(user, view)
        if "submit" not in opened.definition:
            raise ImpossibleError("this modal has no button to submit it")
        opened.choices |= fill_in(opened.definition["blocks"], values)
        reply = await self.sender.send_payload(payloads.view_submission(self, person, opened))
        return self._done(apply_submission_answer(self, opened, reply))

    async def close_view(self, user: str, view: View | str) -> Reply | None:
        """Cancel a modal. None if the bot did not ask to be notified of that."""
        person, opened = self._person(user), self._opened(user, view)
        del self.state.views[opened.id]
        if not opened.definition.get("notify_on_close"):
            self.save()
            return None
        payload = payloads.view_closed(self, person, opened, is_cleared=False)
        return self._done(await self.sender.send_payload(payload))

    async def send_dm(self, user: str, text: str) -> Reply:
        """Write to the bot."""
        person = self._person(user)
        message = self.add_message(
            Message(ts=self.new_ts(), channel=self.dm_with(person), author=person.id, text=text)
        )
        return self._done(await self.sender.send_event(payloads.message_event(self, message)))

    async def echo(self, message_ts: str) -> Reply:
        """Send the bot the event about a message of its own, as Slack does for each."""
        return self._done(
            await self.sender.send_event(payloads.message_event(self, self.state.messages[message_ts]))
        )

    async def open_home(self, user: str) -> Reply:
        """Open the bot's Home tab."""
        return self._done(await self.sender.send_event(payloads.home_event(self, self._person(user))))

    async def shortcut(self, user: str, callback_id: str, message: str | None = None) -> Reply:
        """Use a shortcut of the bot, globally or on the message with this ts."""
        person = self._person(user)
        if message is None:
            payload = payloads.global_shortcut(self, person, callback_id)
        else:
            payload = payloads.message_shortcut(self, person, callback_id, self._seen(user, message))
        return self._done(await self.sender.send_payload(payload))

    # Changes to the workspace

    async def change_user(self, user: str, **changes: str | bool) -> Reply:
        """Change fields of a profile: tz, real_name, email, deleted, is_admin, is_restricted, ..."""
        before = self.user(user)
        after = User.model_validate(before.model_dump() | changes | {"updated": int(self.now().timestamp())})
        self.state.users[before.id] = after
        return self._done(await self.sender.send_event(payloads.user_event(self, after)))

    async def uninstall(self, events: Sequence[str] = ("app_uninstalled", "tokens_revoked")) -> list[Reply]:
        """Remove the app: its token is revoked at once, and then the events come in the order given."""
        self.state.is_revoked = True
        made = {"app_uninstalled": payloads.uninstalled_event, "tokens_revoked": payloads.revoked_event}
        return [self._done(await self.sender.send_event(made[event](self))) for event in events]

    async def verify_url(self, challenge: str = "a-challenge") -> Reply:
        """Send the challenge with which Slack tries a new request URL. A good bot answers with it."""
        body = {
            "token": payloads.VERIFICATION_TOKEN,
            "challenge": challenge,
            "type": "url_verification",
        }
        return await self.sender.send_event(body)

    async def send_again(self, reply: Reply, number: int = 1, reason: str = "http_timeout") -> Reply:
        """Send the same request again, signed anew, as Slack repeats events without an answer."""
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        return await self.sender.send(reply.sent, retry)

    def _done(self, reply: Reply) -> Reply:
        self.save()
        return reply

    def _person(self, user: str) -> User:
        person = self.user(user)
        if self.state.is_revoked:
            raise ImpossibleError("the app is not installed any more")
        if person.deleted or person.is_bot:
            raise ImpossibleError(f"{person.name} cannot use the app")
        return person

    def _seen(self, user: str, ts: str) -> Message:
        for message in self.messages_to(user):
            if message.ts == ts:
                return message
        raise ImpossibleError(f"{user} sees no message {ts}")

    def _opened(self, user: str, view: View | str) -> View:
        view_id = view if isinstance(view, str) else view.id
        opened = self.state.views.get(view_id)
        if opened is None or opened.user != self.user(user).id:
            raise ImpossibleError(f"{user} has no view {view_id} open")
        return opened


def _remember(choices: dict[str, dict[str, Json]], block: Json, element: Json, value: Typed) -> None:
    if element["type"] not in ("button", "overflow"):
        choices.setdefault(block["block_id"], {})[element["action_id"]] = choose(element, value)

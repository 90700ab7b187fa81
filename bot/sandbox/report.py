"""Adds to the sandbox's news: webhooks, calls to GitHub and Slack, and what people do in Slack."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from bot.sandbox.github.server import GitHubServer
from bot.sandbox.news import News
from bot.sandbox.slack.model import Call, Reply, Sent
from bot.sandbox.slack.world import SlackWorld
from bot.sandbox.webhooks import Delivery

API = "/api/v3"


def report_news(github: GitHubServer, slack: SlackWorld, news: News) -> None:
    """Add what happens from now on to `news`."""

    def on_delivery(delivery: Delivery) -> None:
        status = delivery.status or 0
        news.add(
            "webhook",
            _describe_delivery(delivery),
            str(status) if status else "no answer",
            is_ok=200 <= status < 300,
        )

    def on_github_call(method: str, path: str, status: int) -> None:
        news.add(
            "github",
            f"{method} {path.removeprefix(API).removeprefix('/api')}",
            str(status),
            is_ok=status < 400,
        )

    def on_slack_call(call: Call) -> None:
        problem = call.error or call.fault
        news.add("slack", _describe_call(call, slack), problem or "ok", is_ok=problem is None)

    def on_person(reply: Reply) -> None:
        outcome = reply.error or str(reply.status)
        news.add("person", _describe_act(reply.sent, _names(slack)), outcome, is_ok=reply.is_ok)

    github.world.webhooks.on_answer = on_delivery
    github.on_answer = on_github_call
    slack.on_call = on_slack_call
    slack.sender.on_reply = on_person


def _describe_delivery(delivery: Delivery) -> str:
    payload = json.loads(delivery.body)
    name = f"{delivery.event}.{delivery.action}" if delivery.action else delivery.event
    repository = payload.get("repository", {}).get("full_name", "")
    number = payload.get("pull_request", {}).get("number")
    about = f"{repository}#{number}" if number else repository
    reviewer = payload.get("requested_reviewer", {}).get("login", "")
    again = "redelivered" if delivery.is_redelivery else ""
    return " ".join(filter(None, (name, about, reviewer, again)))


def _describe_call(call: Call, slack: SlackWorld) -> str:
    given = call.arguments
    channel = given.get("channel") or given.get("users")
    user = given.get("user") or given.get("user_id") or slack.state.channels.get(str(channel), channel)
    return f"{call.method} {_names(slack).get(str(user), '')}".rstrip()


def _names(slack: SlackWorld) -> dict[str, str]:
    return {user.id: user.name for user in slack.state.users.values()}


def _describe_act(sent: Sent, names: Mapping[str, str]) -> str:
    """One line such as `ana /ooo monday`, made from the request that Slack sent to the bot."""
    if sent.content_type == "application/json":
        return _describe_event(json.loads(sent.body), names)
    fields = {name: values[0] for name, values in parse_qs(sent.body).items()}
    if "payload" in fields:
        return _describe_interaction(json.loads(fields["payload"]))
    return f"{fields['user_name']} {fields['command']} {fields.get('text', '')}".rstrip()


def _describe_event(envelope: Mapping[str, Any], names: Mapping[str, str]) -> str:
    event = envelope.get("event", {})
    user = event.get("user", "")
    name = user.get("name", "") if isinstance(user, dict) else names.get(user, "")
    return f"{name} {event.get('type', envelope['type'])} {event.get('text', '')}".strip()


def _describe_interaction(payload: Mapping[str, Any]) -> str:
    actions = " ".join(str(action["action_id"]) for action in payload.get("actions", ()))
    about = actions or payload.get("callback_id") or payload.get("view", {}).get("callback_id", "")
    return f"{payload['user']['name']} {payload['type']} {about}".rstrip()

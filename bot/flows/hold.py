"""Holds back what an author would be told of a pull request that GitHub does not show us, and releases it.

What a reviewer is sent is held back in bot/flows/reminder_state.py, which says why.
"""

from pydantic import BaseModel

from bot.model import PullRequestId


class _AboutPullRequest(BaseModel):
    pull_request_id: PullRequestId

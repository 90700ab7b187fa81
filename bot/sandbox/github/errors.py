"""The refusals of the sandbox's GitHub.

AnswerError             the answer has an error status and a message
└── RefusedError        422: GitHub refuses what a person or the App wants to do; nothing has changed
CodeRefusedError        no token for an OAuth code, which GitHub says with status 200
"""

from collections.abc import Mapping, Sequence
from typing import Any


class AnswerError(Exception):
    """An error answer, raised where it is noticed. `errors` say which fields are wrong."""

    def __init__(self, status: int, message: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors


class RefusedError(AnswerError):
    """GitHub refuses an act."""

    def __init__(self, message: str) -> None:
        super().__init__(422, message)


class CodeRefusedError(Exception):
    """No token for this code. `error` is GitHub's name of the reason."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error

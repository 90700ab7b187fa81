"""Keeps a document of the sandbox in a file, so that a second start finds it."""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

Document = TypeVar("Document", bound=BaseModel)


def keep(file: Path, document: BaseModel) -> None:
    """Writes all of it or nothing: a crash half-way leaves the old file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(document.model_dump_json(indent=1))
    os.replace(beside, file)


def find_kept(file: Path, kind: type[Document]) -> Document | None:
    """What was kept there; None when there is no such file."""
    return kind.model_validate_json(file.read_text()) if file.exists() else None

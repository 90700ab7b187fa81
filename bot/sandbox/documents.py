"""Saves a document of the sandbox in a file, so that the next start finds it."""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

Document = TypeVar("Document", bound=BaseModel)


def save_document(file: Path, document: BaseModel) -> None:
    """Write the whole document or nothing: a crash half-way leaves the old file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new_file = file.with_suffix(".new")
    new_file.write_text(document.model_dump_json(indent=1))
    os.replace(new_file, file)


def find_document(file: Path, kind: type[Document]) -> Document | None:
    """The document saved in this file; None if there is no file."""
    return kind.model_validate_json(file.read_text()) if file.exists() else None

"""Saves a document of the sandbox in a file, so that the next start finds it."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from bot.files import make_private_folder, read_private, write_private

Document = TypeVar("Document", bound=BaseModel)


def save_document(file: Path, document: BaseModel) -> None:
    """Write the whole document or nothing: a crash half-way leaves the old file."""
    make_private_folder(file.parent)
    write_private(file, document.model_dump_json(indent=1))


def find_document(file: Path, kind: type[Document]) -> Document | None:
    """The document saved in this file; None if there is no file."""
    try:
        return kind.model_validate_json(read_private(file))
    except FileNotFoundError:
        return None

"""Files and folders of our own, which only their owner may read. A symbolic link is never followed.

Another user of the machine could put a link in the place of a file, so that we would write through it or take
the other file for ours.
"""

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

from bot.model import OperatorError


def open_private(path: Path, *, is_emptied: bool = False) -> BinaryIO:
    """Open a file to read and write, made if it is missing. Raises OperatorError if it is not ours."""
    flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if is_emptied else 0)
    handle = _open(path, flags)
    os.fchmod(handle, 0o600)
    return os.fdopen(handle, "r+b")


def read_private(path: Path) -> str:
    """The text of a file. Raises FileNotFoundError, and OperatorError if it is not ours."""
    with os.fdopen(_open(path, os.O_RDONLY)) as file:
        return file.read()


def write_private(path: Path, text: str) -> None:
    """Write a file. A reader sees the whole new text or the whole old one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).replace(path)


def make_private_folder(path: Path) -> None:
    """Make a folder if it is missing, and close it to others."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def _open(path: Path, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe that somebody has put there would wait for ever.
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise OperatorError(_explain(path, "a link or a pipe")) from None
        raise
    if _is_own_file(os.fstat(handle), path):
        return handle
    os.close(handle)
    raise OperatorError(_explain(path, "no file, or a file of somebody else"))


def _is_own_file(status: os.stat_result, path: Path) -> bool:
    user = os.geteuid()
    if path.parent.stat().st_mode & stat.S_ISVTX:  # /tmp, where everybody may make files
        is_ours = status.st_uid == user and status.st_nlink == 1
    else:
        # Root may keep its files in a folder of another user, such as a mounted one.
        is_ours = user == 0 or status.st_uid in (user, 0)
    return is_ours and stat.S_ISREG(status.st_mode)


def _explain(path: Path, what: str) -> str:
    return f"{path} is {what}. Ripe does not open it: look who put it there, delete it, and start again."

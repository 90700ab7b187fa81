"""Our own files are for their owner only, and nobody can put a link in the place of one."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.encryption import find_secret_key
from bot.files import make_private_folder, open_private, read_private, write_private
from bot.local.embedded import EmbeddedPostgres
from bot.local.generated import find_or_make_sandbox_credentials, find_or_make_secret_key
from bot.local.home import announced, locked, make_home
from bot.model import OperatorError
from bot.sandbox.documents import find_document, save_document
from bot.sandbox.github.seed import seed
from bot.settings import Settings, load_settings_of_running_bot

OPENED: dict[str, Callable[[Path], object]] = {
    "lock": lambda home: locked(home).__enter__(),
    "secret-key": find_or_make_secret_key,
    "sandbox-credentials.json": find_or_make_sandbox_credentials,
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", OPENED)
@pytest.mark.parametrize("is_dangling", [True, False])
def test_a_link_in_the_place_of_a_file_is_refused_and_its_target_stays(
    tmp_path: Path, name: str, is_dangling: bool
) -> None:
    target = tmp_path / "of-somebody-else"
    if not is_dangling:
        target.write_text("precious")
    (tmp_path / name).symlink_to(target)
    with pytest.raises(OperatorError, match=f"{name} is a link or a pipe.*delete it"):
        OPENED[name](tmp_path)
    assert target.exists() is not is_dangling
    assert is_dangling or target.read_text() == "precious"


def test_the_key_of_a_process_beside_ripe_up_is_no_link(tmp_path: Path) -> None:
    assert find_secret_key(tmp_path) == []
    (tmp_path / "secret-key").symlink_to("/etc/hostname")
    with pytest.raises(OperatorError):
        find_secret_key(tmp_path)


def test_the_note_of_a_running_bot_is_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RIPE_HOME", str(tmp_path))
    (tmp_path / "running.json").symlink_to("/etc/hostname")
    with pytest.raises(OperatorError):
        load_settings_of_running_bot()
    # A new note takes the place of the link.
    with announced(tmp_path, {"PORT": "1"}):
        assert mode(tmp_path / "running.json") == 0o600
        assert not (tmp_path / "running.json").is_symlink()


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    for open_it in (open_private, read_private):
        with pytest.raises(OperatorError):
            open_it(tmp_path / "lock")


def test_in_a_folder_for_everybody_only_a_file_of_ones_own_is_opened(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    path = tmp_path / "ripe.lock"
    open_private(path).close()
    open_private(path).close()
    os.link(path, tmp_path / "again")
    with pytest.raises(OperatorError, match="somebody else"):
        open_private(path)
    if os.geteuid() == 0:
        (tmp_path / "again").unlink()
        os.chown(path, 12345, 12345)
        with pytest.raises(OperatorError, match="somebody else"):
            open_private(path)


def test_files_are_closed_to_others_even_if_they_were_open_before(tmp_path: Path) -> None:
    path = tmp_path / "postgres.log"
    path.write_text("of a release before")
    path.chmod(0o644)
    open_private(path, is_emptied=True).close()
    assert (mode(path), path.read_text()) == (0o600, "")
    write_private(path, "new")
    assert (mode(path), read_private(path)) == (0o600, "new")


def test_the_state_of_the_sandbox_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "sandbox" / "github.json"
    assert find_document(file, type(seed(1))) is None
    save_document(file, seed(1))
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)
    assert find_document(file, type(seed(1))) == seed(1)
    file.parent.chmod(0o755)
    make_private_folder(file.parent)
    assert mode(file.parent) == 0o700


def test_the_home_and_its_lock_are_made_for_their_owner_only(tmp_path: Path) -> None:
    home = make_home(Settings(_env_file=None, ripe_home=tmp_path / "new"))
    with locked(home):
        assert (mode(home), mode(home / "lock")) == (0o700, 0o600)
        assert (home / "lock").read_text() == str(os.getpid())


def test_the_log_and_the_data_of_the_embedded_postgres_are_for_their_owner_only(
    postgres: EmbeddedPostgres,
) -> None:
    assert mode(postgres.log) == 0o600
    assert mode(postgres.data) == 0o700

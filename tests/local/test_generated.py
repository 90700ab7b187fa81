"""Keys and credentials that are made once, and completed if an older version made fewer."""

import json
from pathlib import Path

from bot.local.generated import find_or_make_sandbox_credentials

OAUTH = {"GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"}


def test_the_sandboxs_credentials_are_made_once(tmp_path: Path) -> None:
    made = find_or_make_sandbox_credentials(tmp_path)
    assert made.keys() > OAUTH
    assert find_or_make_sandbox_credentials(tmp_path) == made


def test_credentials_that_an_older_version_lacked_are_added_and_the_rest_stays(tmp_path: Path) -> None:
    made = find_or_make_sandbox_credentials(tmp_path)
    path = tmp_path / "sandbox-credentials.json"
    path.write_text(json.dumps({name: value for name, value in made.items() if name not in OAUTH}))
    again = find_or_make_sandbox_credentials(tmp_path)
    assert again.keys() == made.keys()
    assert {name: again[name] for name in made.keys() - OAUTH} == {n: made[n] for n in made.keys() - OAUTH}
    assert find_or_make_sandbox_credentials(tmp_path) == again

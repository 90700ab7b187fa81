"""Every test that docs/security.md names exists."""

import re
from pathlib import Path

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
TEXT = Path("docs/security.md").read_text()


def test_each_threat_names_a_test_that_exists() -> None:
    missing = []
    for path, name in NAMED.findall(TEXT):
        source = Path(path).read_text() if Path(path).exists() else ""
        if not source or (name and not re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_no_threat_is_without_a_test() -> None:
    threats = [line for line in TEXT.splitlines() if line.startswith("|") and line.count("|") == 4]
    rows = [line for line in threats if not line.startswith(("| Who", "|---", "| What", "| `"))]
    assert [row for row in rows if not NAMED.search(row.split("|")[3])] == []
    assert len(rows) > 25

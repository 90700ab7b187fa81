"""Records the keys of Slack's sample payloads: python -m tests.contracts.slack.record FOLDER"""

import json
import sys
from pathlib import Path

from tests.contracts.keys import keys_of

HERE = Path(__file__).parent


def record(samples: Path) -> None:
    """One file of keys for each sample; no values are kept."""
    for sample in sorted(samples.glob("*Payload.json")):
        keys = keys_of(json.loads(sample.read_text()))
        (HERE / sample.name).write_text(json.dumps(keys, indent=1) + "\n")


if __name__ == "__main__":
    record(Path(sys.argv[1]))

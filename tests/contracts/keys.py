"""The shape of a payload: its keys at every level, and nothing of what they hold."""

from typing import Any

Keys = dict[str, Any] | None


def keys_of(value: Any) -> Keys:
    """The keys of an object, or of all objects of a list together; None for everything else."""
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for element in value:
            merged |= keys_of(element) or {}
        return merged or None
    if not isinstance(value, dict):
        return None
    return {key: keys_of(inner) for key, inner in sorted(value.items())}


def differences(expected: Keys, actual: Keys, where: str = "") -> list[str]:
    """Keys that only one side has. If either side holds no object (null, an empty list), there are none."""
    if expected is None or actual is None:
        return []
    mismatches = [f"missing {where}{key}" for key in expected.keys() - actual.keys()]
    mismatches += [f"unknown {where}{key}" for key in actual.keys() - expected.keys()]
    for key in expected.keys() & actual.keys():
        mismatches += differences(expected[key], actual[key], f"{where}{key}.")
    return sorted(mismatches)

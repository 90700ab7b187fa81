"""Q8: the state machine of test_machine.py for as long as it takes."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.jobq.test_machine import QueueMachine, machine
from tests.promises import Promise

__all__ = ["machine"]

RUNS = 2_000
STEPS = 30


@pytest.mark.torture
def test_the_model_holds(machine: type[QueueMachine], promise: Promise) -> None:
    runs = 0

    class Counted(machine):  # type: ignore[misc, valid-type]  # a class that is made by a fixture
        def teardown(self) -> None:
            nonlocal runs
            runs += 1
            super().teardown()

    size = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Counted, settings=size)
    promise("Q8", f"{RUNS:,} runs of at most {STEPS} steps", f"{runs:,} runs, every wanted job ran")
    assert runs >= RUNS

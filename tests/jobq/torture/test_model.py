"""Promise Q8: every saved job runs, in whatever order things happen. Many runs of the state machine."""

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

    class Counted(machine):  # type: ignore[misc, valid-type]  # a fixture makes this class
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

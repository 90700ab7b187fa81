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
    runs = steps = 0

    class Counted(machine):  # type: ignore[misc, valid-type]  # a class that is made by a fixture
        def __init__(self) -> None:
            nonlocal runs
            super().__init__()
            runs += 1

        def check_invariants(self, *given: object, **named: object) -> None:
            nonlocal steps
            super().check_invariants(*given, **named)
            steps += 1

    size = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Counted, settings=size)
    promise("Q8", f"{RUNS:,} runs of at most {STEPS} steps", f"{runs:,} runs, {steps:,} steps, 0 broken")
    assert runs >= RUNS

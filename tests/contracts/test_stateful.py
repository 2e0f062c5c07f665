"""Whatever is done in whatever order, contract and reference agree."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contracts.machine import FederationMachine
from tests.contracts.situations import SITUATIONS


@pytest.mark.slow
@pytest.mark.no_cover  # tracing would double its minutes, and it is about the contract
@pytest.mark.timeout(1800)
def test_contract_and_reference_agree_whatever_happens() -> None:
    FederationMachine.reached.clear()
    run_state_machine_as_test(
        FederationMachine,
        settings=settings(
            max_examples=200,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert SITUATIONS - set(FederationMachine.reached) == set()

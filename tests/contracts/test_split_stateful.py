"""Whatever is done in whatever order, split learning's contract and the reference agree."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from fl_node.chain.interface import split_session
from tests.contracts.split_machine import SITUATIONS, SplitMachine
from tests.contracts.spoken import error_names

NOT_IN_A_CALL = {"BadTerms", "EmptyKey"}  # of the constructor, and of one bad key


@pytest.mark.slow
@pytest.mark.no_cover  # tracing would double its minutes, and it is about the contract
@pytest.mark.timeout(1800)
def test_contract_and_reference_agree_whatever_happens() -> None:
    SplitMachine.reached.clear()
    run_state_machine_as_test(
        SplitMachine,
        settings=settings(
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    refused = error_names(split_session()) - NOT_IN_A_CALL
    assert (SITUATIONS | refused) - set(SplitMachine.reached) == set()

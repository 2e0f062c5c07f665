"""What calls cost: the committed figures, the bars, and that nothing grows."""

import json
from typing import Any

import pytest

from benchmarks.gas import FIGURES, encoded, measure

UPDATE_BAR, CLOSE_BAR = 50_000, 55_000
EPOCH_BAR = 60_000
DRIFT = 200

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]  # tracing would double its time


@pytest.fixture(scope="module")
def figures() -> Any:
    return measure()


def test_the_committed_figures_are_those_of_the_contract(figures: Any) -> None:
    assert FIGURES.read_bytes() == encoded(figures), "renew: python benchmarks/gas.py --write"


@pytest.mark.parametrize(
    ("call", "bar"), [("setLocalWeight", UPDATE_BAR), ("setGlobalWeight", CLOSE_BAR)]
)
def test_a_steady_call_stays_below_its_bar_and_does_not_grow(
    figures: Any, call: str, bar: int
) -> None:
    steady = [gas for when, gas in figures[call].items() if not when.startswith("round 1,")]
    assert len(steady) == 3
    assert max(steady) <= bar
    assert max(steady) - min(steady) <= DRIFT


def test_an_epoch_stays_below_its_bar_whatever_the_number_of_its_steps(figures: Any) -> None:
    split = figures["SplitSession"]
    epochs = [gas for call, gas in split.items() if call.startswith("recordEpoch")]
    assert len(epochs) == 5
    assert max(epochs) <= EPOCH_BAR
    assert max(epochs) - min(epochs) <= DRIFT


def test_the_gas_limit_of_a_call_is_above_the_dearest() -> None:
    from fl_node.chain.ethereum import CALL_GAS_LIMIT, DEPLOY_GAS_LIMIT

    committed = json.loads(FIGURES.read_text())
    split = committed.pop("SplitSession")
    creation = max(committed.pop("constructor"), split.pop("constructor"))
    committed |= {"split learning": split}
    calls = [each if isinstance(each, int) else max(each.values()) for each in committed.values()]
    assert 1.5 * max(calls) <= CALL_GAS_LIMIT
    assert 1.5 * creation <= DEPLOY_GAS_LIMIT

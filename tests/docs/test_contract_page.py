"""The contract's page: every file has its line, every committed figure stands in its table."""

import json
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"
PAGE = (CONTRACTS / "README.md").read_text()
FIGURES = json.loads((CONTRACTS / "gas.json").read_text())
NOT_ON_THE_PAGE = {"attest, a dispute", "setGlobalWeight, round 0"}
FILES = sorted(
    str(path.relative_to(CONTRACTS))
    for path in CONTRACTS.rglob("*.sol")
    if "node_modules" not in path.parts
)


@pytest.mark.parametrize("name", FILES)
def test_every_source_has_its_line(name: str) -> None:
    assert f"\n{name} " in PAGE


@pytest.mark.parametrize("call", sorted(set(FIGURES) - NOT_ON_THE_PAGE))
def test_the_table_has_the_committed_figures(call: str) -> None:
    figures = FIGURES[call] if isinstance(FIGURES[call], dict) else {"": FIGURES[call]}
    steady = [gas for when, gas in figures.items() if not when.startswith("round 1,")]
    assert all(f"{gas:,}" in PAGE for gas in steady)

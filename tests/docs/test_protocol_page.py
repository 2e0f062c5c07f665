"""docs/protocol.md names what the contract and the files have, and its figures come out."""

import dataclasses
import json
import re

import pytest

from aggregator import audit
from fl_node.chain.artifact import federation_artifact
from fl_node.chain.history import first_break
from fl_node.chain.ledger import LedgerEvent
from fl_node.plan import Plan
from fl_node.report import Admitted, Observed, Recomputable, Rejected
from fl_node.rounds import Global, Reason, RoundState, Terms, update_metadata
from tests.docs.pages import ROOT, blocks, code_of, table_column
from tests.vectors.golden import BASE

PAGE = ROOT / "docs" / "protocol.md"
TEXT = PAGE.read_text(encoding="utf-8")
WORDS = set(re.findall(r"\w+", TEXT))
FEDERATION = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
ENTRIES = [
    (entry["type"], entry["name"])
    for entry in federation_artifact().abi
    if entry["type"] in ("function", "event", "error")
]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_what_the_contract_has_is_on_the_page(kind, name):
    assert re.search(rf"\b{name}\b", TEXT), f"{kind} {name}"


@pytest.mark.parametrize(
    "kind",
    [Plan, Terms, Recomputable, Observed, Admitted, Rejected],
    ids=lambda kind: kind.__name__,
)
def test_what_a_file_or_the_terms_hold_is_on_the_page(kind):
    names = {field.name for field in dataclasses.fields(kind)}
    spelled = {re.sub(r"_(\w)", lambda found: found[1].upper(), name) for name in names}
    assert names <= WORDS or spelled <= WORDS


def test_a_plans_keys_are_on_the_page_and_no_others():
    keys = [key for cell in table_column(PAGE, "## 7. The plan", 0) for key in code_of(cell)]
    assert sorted(keys) == sorted(["format", *(field.name for field in dataclasses.fields(Plan))])


def test_an_updates_metadata_are_on_the_page_and_no_others():
    metadata = update_metadata(1, FEDERATION, 1, Global(0, BASE, None), 1, 1, {})
    keys = [key for cell in table_column(PAGE, "### Metadata", 0) for key in code_of(cell)]
    assert sorted(keys) == sorted(metadata)


def test_the_open_rounds_fields_are_on_the_page():
    fields = len(dataclasses.fields(RoundState)) + 1  # termsPending is the contract's own
    assert len(table_column(PAGE, "## 10. The state machine", 0)) == fields


def test_reasons_are_on_the_page_with_their_numbers():
    numbers = table_column(PAGE, "## 12. Admission", 0)
    labels = table_column(PAGE, "## 12. Admission", 1)
    assert list(zip(numbers, labels, strict=True)) == [
        (str(int(reason)), f"`{reason.label}`") for reason in Reason
    ]


def test_an_audits_words_are_on_the_page():
    source = (ROOT / "aggregator" / "audit.py").read_text(encoding="utf-8")
    listed = table_column(PAGE, "## 15. The audit", 0)
    words = [word for cell in listed if "[" not in cell for word in code_of(cell)]
    assert [word for word in words if f'"{word}"' not in source] == []
    for verdict in (audit.REPRODUCED, audit.CONTRADICTED, audit.UNVERIFIABLE):
        assert f"*{verdict}*" in TEXT


def test_the_example_of_a_history_comes_out():
    (example,) = [block for block in blocks(PAGE) if '"event"' in block.content]
    events = [event_of(entry) for entry in json.loads(example.content)]
    assert len(events) == 5
    assert first_break(events, 1337, FEDERATION) is None


def event_of(entry: dict[str, object]) -> LedgerEvent:
    kind = str(entry.pop("event"))
    return LedgerEvent(kind, {name: value_of(value) for name, value in entry.items()}, 0, 0)


def value_of(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    is_digest = isinstance(value, str) and not value.startswith("0x")
    return bytes.fromhex(str(value)) if is_digest else value

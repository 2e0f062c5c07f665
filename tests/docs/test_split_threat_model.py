"""What the page on threats says of split learning: its tests are there, its words are ours."""

import re

import pytest

from fl_node.split.audit.finding import Reason
from fl_node.split.channel.server import _MAX_HANDSHAKES, HANDSHAKE_SECONDS
from fl_node.split.record.refusal import Refusal
from tests.docs.pages import ROOT, code_of
from tests.split.devnet.lies import LABELS, LIES

PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Split learning\n")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\|.+$", SECTION, re.M)
]
CODE = code_of(SECTION)
JOINED_LITERALS = re.compile(r'"\s*\n\s*f?"')


@pytest.fixture(scope="module")
def tests_there():
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.M)}


@pytest.fixture(scope="module")
def said():
    """All that the code can say, its broken lines joined."""
    folders = [(ROOT / "fl_node", "*.py"), (ROOT / "contracts" / "interfaces", "*.sol")]
    sources = [path for folder, kind in folders for path in folder.rglob(kind)]
    return "\n".join(JOINED_LITERALS.sub("", path.read_text(encoding="utf-8")) for path in sources)


def test_every_test_that_it_names_is_there(tests_there):
    named = {code for code in CODE if code.startswith("test_")}
    assert len(named) > 40
    assert named - tests_there == set()


def test_every_row_of_what_is_found_names_a_test_or_the_first_one():
    rows = [row for row in ROWS if len(row) == 4 and row[3] not in ("test", "---")]
    assert [row[0] for row in rows if "`test_" not in row[3] and "*T*" not in row[3]] == []


def test_its_words_are_what_the_code_says(said):
    column = {4: 2, 2: 1}
    cells = [row[column[len(row)]] for row in ROWS if len(row) in column]
    cells += [row[1] for row in ROWS if len(row) == 4]
    words = [part.strip() for cell in cells for code in code_of(cell) for part in code.split("…")]
    assert [word for word in words if word and not is_said(word, said)] == []


def is_said(word, said):
    return word in said or word in {"falsified-activations"}


def test_every_lie_that_was_tried_is_under_its_refusal():
    by_refusal = {}
    for name, lie in (LIES | LABELS).items():
        by_refusal.setdefault(lie.refusal.label, []).append(name)
    rows = {row[1]: row[0] for row in ROWS if len(row) == 2}
    assert {f"`{label}`": "; ".join(names) for label, names in by_refusal.items()}.items() <= (
        rows.items()
    )


@pytest.mark.parametrize("word", [*Refusal, *Reason], ids=lambda word: word.value)
def test_each_word_of_a_refusal_and_of_an_audit_is_in_it(word):
    assert word.value in CODE


def test_what_a_stranger_can_hold_up_is_as_it_says():
    seconds, most = HANDSHAKE_SECONDS, _MAX_HANDSHAKES
    assert f"hold handshakes for {seconds} seconds, {most} at once" in SECTION

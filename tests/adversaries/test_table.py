"""The table of attacks: whole, run by tests, and what the document says."""

import runpy

from tests.adversaries.lies.registry import LIES
from tests.adversaries.scenes.registry import SCENES
from tests.adversaries.table import ATTACKS, GROUPS
from tests.docs.pages import ROOT

_LEAST = 40
# An accomplice; what changes nothing for anybody; and a word against a word, which the document has
# under what is not protected.
_NO_ROWS = {"sends-nan", "subnormals", "claims-unavailable"}


def test_there_are_many_attacks_and_each_has_a_name_of_its_own():
    assert len(ATTACKS) >= _LEAST
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len({attack.does for attack in ATTACKS}) == len(ATTACKS)


def test_each_attack_has_a_scene_in_which_it_is_tried_and_something_is_found():
    assert {attack.scene for attack in ATTACKS} <= set(SCENES)
    assert [attack.name for attack in ATTACKS if not attack.found] == []


def test_each_lie_is_in_the_table():
    assert set(LIES) - _NO_ROWS <= {attack.name for attack in ATTACKS}


def test_the_document_has_the_table_as_it_is():
    written = runpy.run_path(str(ROOT / "scripts" / "write_attack_table.py"))
    page = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    assert page == written["attack_page"](page), "run `make docs`"
    assert all(f"### {title}\n" in page for title in GROUPS)

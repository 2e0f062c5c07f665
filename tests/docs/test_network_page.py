"""The page about networks names every setting."""

import re
from dataclasses import MISSING, fields

from fl_node.config import Settings
from tests.docs.pages import ROOT


def test_every_setting_is_explained_and_what_is_needed_is_marked():
    text = (ROOT / "docs" / "network.md").read_text()
    section = text.split("### Settings")[1].split("### ")[0]
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    named = {name: row[2].strip() for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert set(named) == {each.name for each in fields(Settings)}
    needed = {each.name for each in fields(Settings) if each.default is MISSING}
    assert {name for name, without in named.items() if without == "needed"} == needed

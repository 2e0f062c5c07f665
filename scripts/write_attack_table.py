"""Write the table of attacks in docs/threat-model.md from the one that the tests run."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fl_node.files import write_atomically  # noqa: E402
from tests.adversaries.attacks import Attack, Finder  # noqa: E402
from tests.adversaries.table import GROUPS  # noqa: E402

PAGE = ROOT / "docs" / "threat-model.md"
BEGIN, END = "<!-- attacks: begin -->\n", "<!-- attacks: end -->\n"


def attack_page(page: str) -> str:
    """Give the page with the table of today between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + attack_table() + END + after


def attack_table() -> str:
    """Give a table for each group of attacks."""
    return "".join(_group(title, rows) for title, rows in GROUPS.items()) + "\n"


def _group(title: str, rows: tuple[Attack, ...]) -> str:
    head = "| attack | found by | when | in these words |\n|---|---|---|---|\n"
    return f"\n### {title}\n\n{head}" + "".join(map(_row, rows))


def _row(attack: Attack) -> str:
    finders = list(dict.fromkeys(found.by for found in attack.found))
    who = "; ".join(finder.who for finder in finders)
    when = "; ".join(_when(finder, attack) for finder in finders)
    words = "; ".join(f"`{' … '.join(found.words)}`" for found in attack.found)
    return f"| {attack.does} | {who} | {when} | {words} |\n"


def _when(finder: Finder, attack: Attack) -> str:
    return attack.when.get(finder, finder.when)


if __name__ == "__main__":
    write_atomically(PAGE, [attack_page(PAGE.read_text()).encode()])

"""Every link in every page leads somewhere."""

import pytest

from tests.docs.pages import ROOT, anchors, links, pages

LINKS = [
    pytest.param(page, target, id=f"{page.relative_to(ROOT)}: {target}")
    for page in pages()
    for target in links(page)
    if "://" not in target
]


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_a_link_leads_to_a_file_and_to_a_heading_in_it(page, target):
    path, _, anchor = target.partition("#")
    goal = (page.parent / path).resolve() if path else page
    assert goal.exists(), f"{page} links to {target}"
    assert goal.is_relative_to(ROOT)
    assert not anchor or anchor in anchors(goal)


def test_the_readme_leads_to_every_document():
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in links(ROOT / "README.md")}
    assert set((ROOT / "docs").glob("*.md")) <= linked

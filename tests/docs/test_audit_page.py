"""The page about audits: its worked example is one, and it explains every verdict."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator import audit as audit_module
from aggregator.attest import Witness
from aggregator.audit_command import audit, bundle
from tests.docs.pages import ROOT, blocks, table_column
from tests.docs.worked_example import HEADER_SAYS, falsified
from tests.small_federation import SAMPLES

PAGE = ROOT / "docs" / "audit.md"


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return falsified(Path("trial"))


def test_the_falsified_round_is_found_in_the_words_of_the_page(trial):
    (typed, *_rest) = [block for block in blocks(PAGE) if block.language == "console"]
    done = CliRunner().invoke(audit, ["-C", "trial"])
    assert done.exit_code == 1
    assert typed.content == f"$ flnode audit -C trial\n{done.stdout}"


def test_a_hospital_stops_in_the_words_of_the_page(trial):
    (said,) = [block for block in blocks(PAGE) if block.language == ""]
    judged = Witness(trial.view("node 1"), 1).judge()
    assert said.content == f"{judged.line}\n"


def test_the_bundle_tells_the_same(trial):
    assert CliRunner().invoke(bundle, ["trial.bundle", "-C", "trial"]).exit_code == 0
    found = CliRunner().invoke(audit, ["--bundle", "trial.bundle"])
    assert found.exit_code == 1
    assert CliRunner().invoke(audit, ["-C", "trial"]).stdout in found.stdout


def test_the_numbers_of_samples_are_those_of_the_example():
    text = PAGE.read_text()
    assert f"Hospital 1 has {SAMPLES[1]} samples, hospital 2 has {SAMPLES[2]}." in text
    assert f"as if it had {HEADER_SAYS[1]}" in text.replace("\n", " ")


def test_every_word_for_a_finding_is_explained():
    source = Path(audit_module.__file__).read_text()
    words = {audit_module.ERASED, *re.findall(r'Finding\([^)]*?"([a-z-]+)"', source)}
    explained = " ".join(table_column(PAGE, "## What the verdicts mean", 0))
    assert {"wrong-global", "history", audit_module.ERASED} <= words
    assert [word for word in words if f"`{word}`" not in explained] == []

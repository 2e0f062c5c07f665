"""Every parser of bytes that others wrote, by name."""

from collections.abc import Mapping
from pathlib import Path

from tests.fuzz import (
    answers,
    backups,
    bundles,
    documents,
    evidence,
    folders,
    kubo_answers,
    split_learning,
)
from tests.fuzz.outcome import Target

CORPUS = Path(__file__).parent / "corpus"
MAX_BYTES = 12_288

TARGETS: Mapping[str, Target] = {
    "backup": backups.backup,
    "bundle": bundles.bundle,
    "evidence": evidence.evidence,
    "json": documents.json,
    "kubo": kubo_answers.kubo,
    "plan": documents.plan,
    "report": documents.report,
    "rpc": answers.rpc,
    "settings": folders.settings,
    "split": split_learning.split,
    "weights": documents.weights,
}

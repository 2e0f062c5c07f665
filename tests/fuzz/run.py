"""Coverage-guided fuzzing of one target: ``python -m tests.fuzz.run TARGET --seconds N``.

libFuzzer goes on after a finding: each is saved once by the place that it was raised at.
"""

import argparse
import hashlib
import random
import sys
import traceback
from pathlib import Path

import atheris

from tests.fuzz.mutation import mutated

with atheris.instrument_imports(include=["fl_node", "rlp", "rfc8785", "tomllib", "eth_abi"]):
    from tests.fuzz.outcome import Target, outcome_of
    from tests.fuzz.targets import CORPUS, MAX_BYTES, TARGETS

_MEMORY_MIB = 1024
_UNIT_SECONDS = 10
_SHOWN_LETTERS = 300


class Findings:
    """What escaped from a target: one file of bytes and one of words for each place."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target, self._folder = target, folder
        self._known: set[str] = set()

    def look(self, content: bytes) -> None:
        """Try the target, and save what should not have come out."""
        try:
            outcome_of(self._target, content)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            self._save(error, content)

    def _save(self, error: Exception, content: bytes) -> None:
        places = [
            f"{each.filename}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)
        ]
        name = hashlib.sha256(f"{type(error)} {places[-3:]}".encode()).hexdigest()[:12]
        if name in self._known:
            return
        self._known.add(name)
        (self._folder / name).write_bytes(content)
        words = "".join(traceback.format_exception(error))
        (self._folder / f"{name}.txt").write_text(words, errors="backslashreplace")
        sys.stderr.write(f"FINDING {name}: {error!r}"[:_SHOWN_LETTERS] + "\n")


def mutate(content: bytes, most: int, seed: int) -> bytes:
    """Let libFuzzer change bytes half of the time, and JSON's structure the other half."""
    choice = random.Random(seed)
    changed = content
    if choice.random() < 0.5:
        changed = mutated(changed, choice)
    if changed == content or choice.random() < 0.3:
        changed = atheris.Mutate(changed[:most], most)
    return changed[:most]


def main() -> None:
    """Fuzz until time is up."""
    said = _arguments()
    found, work = said.folder / said.target / "found", said.folder / said.target / "work"
    for folder in (found, work):
        folder.mkdir(parents=True, exist_ok=True)
    findings = Findings(TARGETS[said.target], found)
    options = [
        f"-max_total_time={said.seconds}",
        f"-max_len={MAX_BYTES}",
        f"-rss_limit_mb={_MEMORY_MIB}",
        f"-timeout={_UNIT_SECONDS}",
        f"-artifact_prefix={found}/",
    ]
    atheris.Setup(
        [sys.argv[0], *options, str(work), str(CORPUS / said.target)],
        findings.look,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="of what is found")
    return parser.parse_args()


if __name__ == "__main__":
    main()

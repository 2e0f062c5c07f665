"""Take what fuzzing has found anew into the corpus: ``python -m tests.fuzz.minimise TARGET``.

Kept are the smallest files that together reach all that was reached, none of more than 8 KiB.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import atheris

from tests.fuzz.run import Findings
from tests.fuzz.targets import CORPUS, TARGETS

_MOST_BYTES, _MOST_FILES, _MOST_TOTAL_BYTES = 8192, 150, 95_000


def main() -> None:
    """Merge, or be the process that libFuzzer starts for it with options of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.minimise", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="of what was found")
    said, options = parser.parse_known_args()
    if options:
        _run(said.target, said.folder, options)
    else:
        _take(said.target, said.folder)


def _take(target: str, folder: Path) -> None:
    merged = folder / target / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    again = [sys.executable, "-m", "tests.fuzz.minimise", target, "--folder", str(folder)]
    sources = [CORPUS / target, folder / target / "work"]
    subprocess.run([*again, "-merge=1", merged, *sources], check=True)
    known = {file.read_bytes() for file in (CORPUS / target).iterdir()}
    for file in sorted(merged.iterdir(), key=lambda file: file.stat().st_size):
        content = file.read_bytes()
        total = sum(map(len, known)) + len(content)
        if len(content) > _MOST_BYTES or total > _MOST_TOTAL_BYTES or len(known) == _MOST_FILES:
            break
        if content not in known:
            known.add(content)
            shutil.copy(file, CORPUS / target / file.name[:12])


def _run(target: str, folder: Path, options: list[str]) -> None:
    """libFuzzer starts itself again for each part: by the name that it is given here."""
    itself = folder / target / "minimise"
    command = [sys.executable, "-m", "tests.fuzz.minimise", target, "--folder", str(folder)]
    itself.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    itself.chmod(0o700)
    findings = Findings(TARGETS[target], folder / target / "found")
    atheris.Setup([str(itself.resolve()), *options], findings.look)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

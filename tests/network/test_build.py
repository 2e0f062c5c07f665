import os
import re
import subprocess
from pathlib import Path

import pytest

from fl_node.errors import DaemonError
from fl_node.network import build
from fl_node.network.build import cached_place, find_daemon, version_of
from fl_node.network.daemons import CURRENT_GETH, GETH, IPFS

SAYS_GETH = "echo Geth; echo 'Version: {}-stable'; echo 'Git Commit Date: 20240412'"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def geth(path: Path, version: str = "1.13.15") -> Path:
    return program(path, SAYS_GETH.format(version))


@pytest.fixture
def said():
    return []


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Nothing given, nothing on PATH but a shell's tools, nothing cached."""
    monkeypatch.setenv("FLNODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    for daemon in (GETH, CURRENT_GETH, IPFS):
        monkeypatch.delenv(daemon.variable, raising=False)
    return tmp_path


def test_versions_are_read_as_each_daemon_tells_them(tmp_path):
    assert version_of(GETH, geth(tmp_path / "g")) == "1.13.15"
    assert version_of(IPFS, program(tmp_path / "i", "echo 0.40.1")) == "0.40.1"
    assert version_of(IPFS, program(tmp_path / "d", "echo 0.41.0-dev")) == "0.41.0"


@pytest.mark.parametrize("script", ["exit 1", "echo hello", "true", "printf '\\377'"])
def test_what_tells_no_version_is_no_daemon(tmp_path, script):
    assert version_of(GETH, program(tmp_path / "x", script)) is None


def test_what_is_not_there_is_no_daemon(tmp_path):
    assert version_of(GETH, tmp_path / "nothing") is None


def test_the_users_own_goes_before_all(bare, monkeypatch, said):
    own, named = geth(bare / "own"), geth(bare / "named")
    geth(bare / "bin" / "geth")
    geth(cached_place(GETH))
    monkeypatch.setenv("FLNODE_GETH", str(named))
    assert find_daemon(GETH, said.append, own) == own
    assert find_daemon(GETH, said.append) == named
    assert said == []


def test_the_users_own_may_be_another_version_and_that_is_said(bare, said):
    own = geth(bare / "own", "1.13.14")
    assert find_daemon(GETH, said.append, own) == own
    assert said == [f"{own} is geth 1.13.14; flnode is tested with 1.13.15"]


def test_the_users_own_must_run(bare, said):
    with pytest.raises(DaemonError, match=r"does not tell its version: .* unset FLNODE_GETH"):
        find_daemon(GETH, said.append, bare / "nothing")


def test_path_goes_before_the_cache_if_it_has_the_pinned_version(bare, said):
    cached = geth(cached_place(GETH))
    on_path = geth(bare / "bin" / "geth")
    assert find_daemon(GETH, said.append) == on_path
    geth(on_path, "1.17.0")
    assert find_daemon(GETH, said.append) == cached


def test_both_geths_have_places_of_their_own(bare):
    assert len({cached_place(daemon) for daemon in (GETH, CURRENT_GETH, IPFS)}) == 3


@pytest.fixture
def go(bare):
    """A Go that writes how it was called, and an empty binary."""
    script = f"""
if [ "$1" = version ]; then echo go version go1.26.1 linux/amd64; exit; fi
echo "$PWD $@ GOFLAGS=$GOFLAGS GOTOOLCHAIN=$GOTOOLCHAIN" > {bare}/called
echo 'example.org/package' >&2
while [ "$1" != -o ]; do shift; done
echo built > "$2" """
    return program(bare / "bin" / "go", script)


def test_what_is_nowhere_is_built_from_the_pinned_module(bare, go, said, monkeypatch):
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    assert find_daemon(GETH, said.append) == cached_place(GETH)
    assert cached_place(GETH).read_text() == "built\n"
    called = (bare / "called").read_text()
    assert called.startswith(f"{GETH.module()} build -v -mod=readonly -trimpath")
    assert "-ldflags=-checklinkname=0" in called
    assert called.endswith("cmd/geth GOFLAGS= GOTOOLCHAIN=local\n")
    assert re.fullmatch("building geth 1.13.15: done in \\d+ s", said[-1])


def test_what_is_built_is_not_built_again(bare, go, said):
    find_daemon(IPFS, said.append)
    (bare / "called").unlink()
    said.clear()
    find_daemon(IPFS, said.append)
    assert not (bare / "called").exists()
    assert said == []


def test_progress_says_how_long_it_takes_and_what_is_built(bare, go, said, monkeypatch):
    monkeypatch.setattr(build, "_SAY_EVERY_SECONDS", 0.0)
    find_daemon(IPFS, said.append)
    assert "building ipfs 0.40.1: 0 s, example.org/package" in said


def test_a_failed_build_leaves_nothing_and_gives_go_s_last_word(bare, go, said):
    program(
        go,
        'if [ "$1" = version ]; then echo go version go1.26.1 linux/amd64; exit; fi\n'
        "echo 'dial tcp: no such host' >&2; exit 1",
    )
    with pytest.raises(DaemonError, match=r"\(dial tcp: no such host\): connect .* FLNODE_IPFS"):
        find_daemon(IPFS, said.append)
    assert [path.suffix for path in cached_place(IPFS).parent.iterdir()] in ([], [".lock"])


@pytest.mark.parametrize("daemon", [GETH, CURRENT_GETH, IPFS])
def test_modules_pin_the_version_that_the_code_names(daemon):
    package = daemon.package.partition("/cmd/")[0]
    assert f"{package} v{daemon.version}\n" in (daemon.module() / "go.mod").read_text()
    sums = (daemon.module() / "go.sum").read_text()
    assert f"{package} v{daemon.version} h1:" in sums
    assert (daemon.module() / "tools.go").read_text().endswith(f'import _ "{daemon.package}"\n')


@pytest.mark.slow
def test_the_pinned_daemons_are_built_or_found_and_tell_their_versions(said):
    for daemon in (GETH, IPFS):
        assert version_of(daemon, find_daemon(daemon, said.append)) == daemon.version
    done = subprocess.run(
        [str(find_daemon(IPFS, said.append)), "version", "--all"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Repo version: 18" in done.stdout

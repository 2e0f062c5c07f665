"""The compiler is found wherever it is, and says in one line what it lacks or refuses."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fl_node.chain.compiler import (
    SOLC_VERSION,
    Artifact,
    CompilerError,
    compile_contracts,
    write_artifact,
)

CONTRACTS = Path(__file__).parents[2] / "contracts"
SMALLEST = (
    "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\ncontract Federation {}\n"
)


def compile_federation(folder: Path) -> Artifact:
    return compile_contracts(folder, ["Federation"])["Federation"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A contract's folder on a machine without native compiler or network, but with npm's."""
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(tmp_path / "solcx"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    (tmp_path / "solcx").mkdir()
    shutil.copy(CONTRACTS / "solc.js", tmp_path)
    (tmp_path / "node_modules").symlink_to(CONTRACTS / "node_modules")
    (tmp_path / "Federation.sol").write_text(SMALLEST)
    return tmp_path


def test_the_same_source_gives_the_same_artefact(folder: Path) -> None:
    first, second = compile_federation(folder), compile_federation(folder)
    assert first.to_json() == second.to_json()
    assert first.compiler.startswith(f"{SOLC_VERSION}+commit.")


def test_an_artefact_is_written_whole(folder: Path) -> None:
    artifact = compile_federation(folder)
    write_artifact(artifact, folder / "Federation.json")
    assert (folder / "Federation.json").read_bytes() == artifact.to_json()


def test_node_is_found_beside_python_and_the_path_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = Path(sys.executable).with_name("node")
    if not beside.exists():  # the system's node, in the place of the one that comes as a wheel
        monkeypatch.setattr(sys, "executable", shutil.which("node"))
    monkeypatch.setenv("PATH", "")
    assert compile_federation(folder).abi == ()
    assert os.environ["PATH"] == ""


def test_a_folder_without_contract_is_named(folder: Path) -> None:
    (folder / "Federation.sol").unlink()
    with pytest.raises(CompilerError, match=r"found none in .*; try contracts/"):
        compile_federation(folder)


def test_sources_longer_than_a_pipe_are_read_whole(folder: Path) -> None:
    comment = "// " + 1_000_000 * "x" + "\n"
    (folder / "Federation.sol").write_text(comment + SMALLEST)
    assert compile_federation(folder).abi == ()


def test_a_source_that_the_compiler_refuses_is_quoted_in_one_line(folder: Path) -> None:
    (folder / "Federation.sol").write_text(SMALLEST.replace("{}", "{"))
    with pytest.raises(CompilerError, match="ParserError") as refused:
        compile_federation(folder)
    assert "\n" not in str(refused.value)


def test_without_any_compiler_it_says_how_to_get_one(folder: Path) -> None:
    (folder / "node_modules").unlink()
    with pytest.raises(CompilerError, match="npm ci --prefix contracts"):
        compile_federation(folder)


def test_the_wrapper_refuses_what_it_does_not_know() -> None:
    command = [str(CONTRACTS / "solc.js"), "--combined-json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "unrecognised option '--combined-json'\n")

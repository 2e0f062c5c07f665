"""Compiling the contracts, by py-solc-x with the one compiler version that the source names."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import requests
import solcx
from solcx.exceptions import DownloadError, SolcError, SolcInstallationError, SolcNotInstalled
from solcx.install import get_executable

from fl_node.errors import FlnodeError
from fl_node.files import write_atomically

SOLC_VERSION = "0.8.37"
CONTRACTS = ("Federation", "SplitSession")
SETTINGS: Mapping[str, Any] = {
    # Clique on Geth 1.13 knows nothing later.
    "evmVersion": "london",
    "optimizer": {"enabled": True, "runs": 10_000},
    "viaIR": True,
    # The metadata name each source's digest; without theirs, comments do not change the code.
    "metadata": {"bytecodeHash": "none"},
    "outputSelection": {
        "*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata"]}
    },
}


class CompilerError(FlnodeError):
    """No compiler of the right version, or a source that it refuses."""


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    :ivar abi: the JSON interface
    :ivar bytecode: hex with 0x, constructor included
    :ivar deployed_bytecode: hex with 0x; immutables are zero
    :ivar metadata: the compiler's JSON, which names settings and sources
    :ivar compiler: its version with the commit
    """

    abi: tuple[Mapping[str, Any], ...]
    bytecode: str
    deployed_bytecode: str
    metadata: str
    compiler: str

    def to_json(self) -> bytes:
        """Encode it with sorted keys, so that the same contract gives the same bytes."""
        fields = {
            "abi": self.abi,
            "bytecode": self.bytecode,
            "compiler": self.compiler,
            "deployedBytecode": self.deployed_bytecode,
            "metadata": self.metadata,
        }
        return (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()


def compile_contracts(folder: Path, names: Sequence[str]) -> dict[str, Artifact]:
    """Compile all Solidity files in a folder and below it, and give these contracts by name.

    Each is in a file of its own name.

    :raises CompilerError: when there is no compiler, no such file, or a source that it refuses
    """
    output = _compile(_standard_input(folder, names), _solc_binary(folder))
    return {name: _artifact(output["contracts"][f"{name}.sol"][name]) for name in names}


def _artifact(contract: dict[str, Any]) -> Artifact:
    return Artifact(
        abi=tuple(contract["abi"]),
        bytecode="0x" + contract["evm"]["bytecode"]["object"],
        deployed_bytecode="0x" + contract["evm"]["deployedBytecode"]["object"],
        metadata=contract["metadata"],
        compiler=json.loads(contract["metadata"])["compiler"]["version"],
    )


def write_artifact(artifact: Artifact, path: Path) -> None:
    """Write the artefact's JSON, whole or not at all."""
    write_atomically(path, [artifact.to_json()])


def _standard_input(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    sources = {
        path.relative_to(folder).as_posix(): {"content": path.read_text(encoding="utf-8")}
        for path in sorted(folder.rglob("*.sol"))
        if "node_modules" not in path.parts
    }
    for name in names:
        if f"{name}.sol" not in sources:
            raise CompilerError(
                f"asked to compile {name}.sol, found none in {folder}; try contracts/"
            )
    return {"language": "Solidity", "sources": sources, "settings": SETTINGS}


def _compile(standard_input: dict[str, Any], binary: Path) -> dict[str, Any]:
    try:
        with _node_on_path():
            output = solcx.compile_standard(standard_input, solc_binary=binary)
    except SolcError as error:
        first = str(error.message).strip().splitlines()[0]
        raise CompilerError(f"asked solc {SOLC_VERSION} to compile, found: {first}") from error
    return cast(dict[str, Any], output)


def _solc_binary(folder: Path) -> Path:
    """Find the compiler: native if installed, npm's if installed, else a download."""
    try:
        return Path(get_executable(SOLC_VERSION))
    except SolcNotInstalled:
        if (folder / "node_modules" / "solc").is_dir() and _node_folder() is not None:
            return folder / "solc.js"
    return _downloaded_solc()


def _downloaded_solc() -> Path:
    try:
        solcx.install_solc(SOLC_VERSION)
    except (
        requests.RequestException,
        ConnectionError,
        DownloadError,
        SolcInstallationError,
    ) as error:
        raise CompilerError(
            f"asked for solc {SOLC_VERSION}, found none installed and none to download; "
            "try `npm ci --prefix contracts`"
        ) from error
    return Path(get_executable(SOLC_VERSION))


def _node_folder() -> Path | None:
    """Where node is: on the path, or beside this Python when it came as a wheel."""
    beside = Path(sys.executable).parent
    found = shutil.which("node") or shutil.which("node", path=str(beside))
    return None if found is None else Path(found).parent


@contextmanager
def _node_on_path() -> Iterator[None]:
    before = os.environ.get("PATH", "")
    node = _node_folder()
    if node is not None:
        os.environ["PATH"] = f"{before}{os.pathsep}{node}"
    try:
        yield
    finally:
        os.environ["PATH"] = before

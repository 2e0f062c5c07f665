"""The compiled contracts, as they are committed and as the wheel carries them."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """What the compiler made of a contract.

    :ivar abi: its interface, as JSON
    :ivar bytecode: what a deployment sends, as hex text
    :ivar deployed_bytecode: what the chain then holds, immutables left as zeros
    """

    abi: list[dict[str, Any]]
    bytecode: str
    deployed_bytecode: str


def federation_artifact() -> Artifact:
    """Load what became of ``Federation.sol``."""
    return _committed("Federation.json")


def split_session_artifact() -> Artifact:
    """Load what became of ``SplitSession.sol``."""
    return _committed("SplitSession.json")


@cache
def _committed(name: str) -> Artifact:
    """Load an artefact: from the wheel, or from the checkout that this file is in."""
    packaged = files("fl_node.chain") / name
    checkout = Path(__file__).parents[2] / "contracts" / "artifacts" / name
    content = json.loads((packaged if packaged.is_file() else checkout).read_text())
    return Artifact(content["abi"], content["bytecode"], content["deployedBytecode"])

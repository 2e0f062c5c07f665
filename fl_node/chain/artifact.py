"""The compiled contract, as it is committed and as the wheel carries it."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

_NAME = "Federation.json"


@dataclass(frozen=True)
class Artifact:
    """What the compiler made of ``Federation.sol``.

    :ivar abi: its interface, as JSON
    :ivar bytecode: what a deployment sends, as hex text
    :ivar deployed_bytecode: what the chain then holds, immutables left as zeros
    """

    abi: list[dict[str, Any]]
    bytecode: str
    deployed_bytecode: str


@cache
def federation_artifact() -> Artifact:
    """Load the committed artefact: from the wheel, or from the checkout that this file is in."""
    packaged = files("fl_node.chain") / _NAME
    checkout = Path(__file__).parents[2] / "contracts" / "artifacts" / _NAME
    content = json.loads((packaged if packaged.is_file() else checkout).read_text())
    return Artifact(content["abi"], content["bytecode"], content["deployedBytecode"])

"""Compile the contracts and write their artefacts beside them."""

from pathlib import Path

from fl_node.chain.compiler import CONTRACTS, compile_contracts, write_artifact

FOLDER = Path(__file__).resolve().parent.parent / "contracts"

if __name__ == "__main__":
    for name, artifact in compile_contracts(FOLDER, CONTRACTS).items():
        write_artifact(artifact, FOLDER / "artifacts" / f"{name}.json")

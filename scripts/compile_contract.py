"""Compile the contract and write its artefact beside it."""

from pathlib import Path

from fl_node.chain.compiler import compile_federation, write_artifact

CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"

if __name__ == "__main__":
    write_artifact(compile_federation(CONTRACTS), CONTRACTS / "artifacts" / "Federation.json")

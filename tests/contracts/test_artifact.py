"""The committed artefacts are what the compiler makes; Python knows the contracts' words."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from fl_node.chain.artifact import Artifact, federation_artifact, split_session_artifact
from fl_node.chain.compiler import CONTRACTS as NAMES
from fl_node.chain.compiler import compile_contracts
from fl_node.rounds import MAX_ATTEMPTS, Reason, Terms

CONTRACTS = Path(__file__).parents[2] / "contracts"
EIP_170_BYTES = 24_576


@pytest.mark.slow
def test_the_committed_artefacts_are_what_the_compiler_makes() -> None:
    for name, artifact in compile_contracts(CONTRACTS, NAMES).items():
        committed = (CONTRACTS / "artifacts" / f"{name}.json").read_bytes()
        assert committed == artifact.to_json(), f"{name}: renew: make contracts"


@pytest.mark.parametrize("artifact", [federation_artifact(), split_session_artifact()], ids=NAMES)
def test_a_contract_is_small_enough_to_deploy(artifact: Artifact) -> None:
    assert len(artifact.deployed_bytecode) // 2 - 1 <= EIP_170_BYTES


def test_reasons_have_the_contracts_names_and_numbers() -> None:
    source = (CONTRACTS / "types" / "Reason.sol").read_text()
    (body,) = re.findall(r"enum Reason \{(.*?)\}", source, re.DOTALL)
    names = re.findall(r"^\s*(\w+),?$", re.sub(r"//.*", "", body), re.MULTILINE)
    spelled = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() for name in names]
    assert spelled == [reason.name for reason in Reason]


def test_terms_have_the_contracts_fields_in_their_order() -> None:
    (constructor,) = (each for each in federation_artifact().abi if each["type"] == "constructor")
    names = [field["name"] for field in constructor["inputs"][-1]["components"]]
    spelled = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names]
    assert spelled == [field.name for field in fields(Terms)]


def test_attempts_are_bounded_alike() -> None:
    source = (CONTRACTS / "Federation.sol").read_text()
    assert f"MAX_ATTEMPTS = {MAX_ATTEMPTS};" in source


@pytest.mark.parametrize("name", NAMES)
def test_the_bytecode_is_for_london(name: str) -> None:
    content = json.loads((CONTRACTS / "artifacts" / f"{name}.json").read_text())
    settings = json.loads(content["metadata"])["settings"]
    assert settings["evmVersion"] == "london"
    assert not settings["libraries"]

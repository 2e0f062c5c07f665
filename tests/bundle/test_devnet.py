"""A bundle of a chain that three sealers made."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fl_node.bundle.source import bundle_federation
from fl_node.errors import ProofError
from fl_node.network import devnet as network
from fl_node.rounds import Terms
from tests.bundle.bundles import verified
from tests.devnet.story import HEADER, NODES, deploy_small
from tests.small_federation import silent

pytestmark = pytest.mark.slow


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "devnet"
    network.up(folder, silent)
    try:
        yield folder
    finally:
        network.down(folder)


@pytest.fixture
def bundled(devnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A whole federation of two rounds, written by any of its hosts."""
    terms = Terms(rounds=2, round_seconds=3600, grace_seconds=3600)
    story = deploy_small(devnet, tmp_path / "logs", terms)
    story.start()
    story.finish()
    monkeypatch.setenv("FLNODE_FEDERATION", story.address)

    def write(host: str, until: int | None = None) -> Path:
        file = tmp_path / f"{host}-{until}.bundle"
        bundle_federation(devnet / host, file, light=False, until=until, say=silent)
        return file

    return write


def test_seals_prove_it_and_every_member_writes_the_same_bytes(bundled):
    file = bundled(HEADER)
    checked = verified(file, require_clique=True)
    assert checked.audit.ok
    assert len(checked.audit.rounds) == 2
    assert (checked.evidence.kind, len(checked.evidence.sealers)) == ("clique", 3)
    assert checked.evidence.least_gap_seconds == 1
    head = checked.manifest.head[0]
    for node in NODES:
        assert bundled(f"node-{node}", head).read_bytes() == file.read_bytes()
    assert verified(file, anchor=checked.history).anchored
    with pytest.raises(ProofError, match="neither a block nor a history"):
        verified(file, anchor=bytes(32))

"""A bundle of a chain that three sealers made."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fl_node.bundle.source import bundle_federation
from fl_node.errors import ProofError
from tests.bundle.bundles import verified
from tests.devnet.story import HEADER, NODES, Story
from tests.small_federation import silent

pytestmark = pytest.mark.slow


def test_seals_prove_it_and_every_member_writes_the_same_bytes(
    devnet: Path, story: Callable[..., Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story(rounds=2)
    told.start()
    told.finish()
    monkeypatch.setenv("FLNODE_FEDERATION", told.address)

    def bundled(host: str, until: int | None = None) -> Path:
        file = tmp_path / f"{host}.bundle"
        bundle_federation(devnet / host, file, light=False, until=until, say=silent)
        return file

    file = bundled(HEADER)
    checked = verified(file, require_clique=True)
    assert checked.audit.ok
    assert len(checked.audit.rounds) == 2
    assert (checked.evidence.kind, len(checked.evidence.sealers)) == ("clique", 3)
    assert checked.evidence.least_gap_seconds == 1
    for node in NODES:
        again = bundled(f"node-{node}", checked.manifest.head[0])
        assert again.read_bytes() == file.read_bytes()
    assert verified(file, anchor=checked.history).anchored
    with pytest.raises(ProofError, match="neither a block nor a history"):
        verified(file, anchor=bytes(32))

"""From one file to a federation, with nothing else: no chain, no store, no network."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fl_node.bundle.archive import unpack
from fl_node.bundle.contents import contents_of
from fl_node.bundle.evidence import Claim, Evidence, prove
from fl_node.bundle.ledger import BundleLedger
from fl_node.bundle.manifest import STORE, Manifest
from fl_node.bundle.store import BundleStore
from fl_node.chain.history import first_break
from fl_node.errors import BundleError, ProofError


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are whole and whose blocks hold."""

    manifest: Manifest
    evidence: Evidence
    ledger: BundleLedger
    store: BundleStore


@contextmanager
def open_bundle(file: Path, anchor: bytes | None = None) -> Iterator[Bundle]:
    """Verify a bundle's files and blocks, and lend what they say; its files are copied meanwhile.

    :param anchor: a block's hash or a history, obtained elsewhere
    :raises BundleError: when a byte is not as it was written, or a file is missing or too many
    :raises ProofError: when the blocks do not hold
    :raises LedgerError: when the contract's events do not fit each other
    :raises OSError: when the file cannot be read or there is no room for its copy
    """
    with tempfile.TemporaryDirectory(prefix="flnode-bundle-") as name:
        folder = Path(name)
        manifest = unpack(file, folder)
        claim = Claim(manifest.chain_id, manifest.federation, manifest.first_block)
        evidence = prove(folder, claim, anchor)
        store = BundleStore(folder / STORE)
        _require_head(manifest, evidence)
        _require_history(manifest, evidence)
        _require_contents(manifest, evidence, store)
        ledger = BundleLedger(manifest.federation, manifest.chain_id, evidence)
        yield Bundle(manifest, evidence, ledger, store)


def _require_head(manifest: Manifest, evidence: Evidence) -> None:
    number, block_hash = evidence.head
    if manifest.head != (number, f"0x{block_hash.hex()}"):
        raise BundleError(
            f"the bundle says that it ends with block {manifest.head[0]}, {manifest.head[1]}; "
            f"it ends with block {number}, 0x{block_hash.hex()}"
        )


def _require_history(manifest: Manifest, evidence: Evidence) -> None:
    broken = first_break(evidence.events, manifest.chain_id, manifest.federation)
    if broken is not None:
        raise ProofError(f"event {broken.index} ({broken.kind}) does not follow from those before")


def _require_contents(manifest: Manifest, evidence: Evidence, store: BundleStore) -> None:
    """See that each file that the events lead to is there or said to be absent, and no other."""
    wanted = contents_of(evidence.events, store).all(manifest.light)
    stored, absent = set(manifest.stored), set(manifest.absent)
    if missing := wanted - stored - absent:
        raise BundleError(f"the bundle lacks {min(map(str, missing))}, which its chain names")
    if extra := (stored | absent) - wanted | (stored & absent):
        raise BundleError(f"the bundle has {min(map(str, extra))}, which its chain does not name")

"""An audit of one file: what it proves, and to what end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aggregator.audit import Audit, audit
from aggregator.light import audit_light
from fl_node.bundle.contents import plan_of
from fl_node.bundle.evidence import CLIQUE, Evidence
from fl_node.bundle.manifest import Manifest
from fl_node.bundle.read import Bundle, open_bundle
from fl_node.errors import BundleError, ProofError
from fl_node.federation import open_federation


@dataclass(frozen=True)
class BundleAudit:
    """A verified bundle and its recomputed rounds.

    :ivar light: whether everything but the arithmetic was checked
    """

    audit: Audit
    light: bool
    manifest: Manifest
    evidence: Evidence

    @property
    def anchored(self) -> bool:
        """Whether a word from elsewhere stands for the past."""
        return self.evidence.anchored_block is not None

    @property
    def history(self) -> bytes:
        """The running digest at the end, which every member's word on the last global has."""
        folded = [event for event in self.evidence.events if event.kind != "Attested"]
        return bytes(folded[-1].values["history"])

    @property
    def events_after_anchor(self) -> int:
        """Count the events that the anchor says nothing of."""
        block = self.evidence.anchored_block
        return sum(1 for event in self.evidence.events if block is None or event.block > block)


def audit_bundle(
    file: Path,
    *,
    anchor: bytes | None = None,
    require_clique: bool = False,
    light: bool = False,
    progress: Callable[[int], None],
) -> BundleAudit:
    """Verify a bundle and recompute its rounds, with nothing but the file.

    :param anchor: a block's hash or a history that was obtained elsewhere, and must be in it
    :param light: check everything but the arithmetic; a light bundle allows nothing else
    :raises ProofError: when the blocks do not hold, are not sealed, or do not have the anchor
    :raises FlnodeError: when the bundle is damaged, or not whole
    """
    with open_bundle(file, anchor) as bundle:
        evidence = bundle.evidence
        if require_clique and evidence.kind != CLIQUE:
            raise ProofError(f"{CLIQUE} seals were asked for, the bundle is {evidence.kind}")
        if anchor is not None and evidence.anchored_block is None:
            raise ProofError(
                f"0x{anchor.hex()} is neither a block nor a history of the bundle: it is about "
                "another past, or ends before"
            )
        if bundle.manifest.light and not light:
            raise BundleError("the bundle has no weights: --light checks all but the arithmetic")
        found = _audited_light(bundle, progress) if light else _audited(bundle, progress)
        return BundleAudit(found, light, bundle.manifest, evidence)


def _audited(bundle: Bundle, progress: Callable[[int], None]) -> Audit:
    return audit(open_federation(bundle.ledger, bundle.store), progress)


def _audited_light(bundle: Bundle, progress: Callable[[int], None]) -> Audit:
    plan = plan_of(bundle.evidence.events, bundle.store)
    return audit_light(plan, bundle.ledger, bundle.store, progress)

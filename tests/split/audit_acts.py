"""Auditing a scene, and changing what an audit looks at."""

import random
from dataclasses import replace
from pathlib import Path

from aggregator.shares import average_shares
from fl_node.cid import Cid
from fl_node.split.audit.records import root_of
from fl_node.split.audit.split import audit_split
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import LEAF_BYTES, SignedRecord
from tests.split.audit_scene import (
    NODE,
    PROVIDER,
)


def audited(scene, folders=None, told=None, **settings):
    homes = [scene.home(party) for party in Party] if folders is None else folders
    return audit_split(
        scene.opened(told), homes, lambda _: None, **{"average": average_shares} | settings
    )


def found(audit):
    return {(finding.reason, finding.who) for finding in audit.findings}


class Flip:
    """One byte, changed as long as the context lasts."""

    def __init__(self, path: Path, chance: random.Random, within: range | None = None) -> None:
        self.path, self.before = path, path.read_bytes()
        self.at = chance.choice(within or range(len(self.before)))
        changed = bytearray(self.before)
        changed[self.at] ^= chance.randrange(1, 256)
        self.after = bytes(changed)

    def __enter__(self):
        self.path.chmod(0o600)
        self.path.write_bytes(self.after)
        return self

    def __exit__(self, *_):
        self.path.write_bytes(self.before)


def signed_anew(scene, told, leaves):
    """Let both accounts sign other leaves, as far as the chain tells."""
    index = told.index("EpochRecorded")
    given = replace(scene.given[0], root=root_of(leaves), records=scene.store.put([leaves]))
    return told.changed(
        index,
        root=given.root,
        records=given.records.digest,
        nodeSignature=scene.signature(NODE, given),
        providerSignature=scene.signature(PROVIDER, given),
    ).adapted()


def other(leaf, scene, **changes):
    """Let its sender sign another record in place of one."""
    record = replace(SignedRecord.decode(leaf).record, **changes)
    return SignedRecord.sign(record, scene.sign(record.phase.sender)).encode()


def leaves_of(scene, told):
    name = Cid(told.told[told.index("EpochRecorded")].values["records"])
    content = scene.store.read(name, max_bytes=10**6, timeout_seconds=1)
    return [content[i : i + LEAF_BYTES] for i in range(0, len(content), LEAF_BYTES)]

"""From a chain and a store to one file."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fl_node.bundle.archive import entry_of, pack
from fl_node.bundle.bodies import encode_body
from fl_node.bundle.contents import Contents, contents_of, plan_of
from fl_node.bundle.evidence import Claim, Evidence, prove
from fl_node.bundle.headers import HeaderCoder
from fl_node.bundle.manifest import BLOCKS, CODE, HEADERS, STORE, Manifest
from fl_node.chain.excerpt import Excerpt
from fl_node.cid import Cid
from fl_node.errors import StoreError
from fl_node.federation import MAX_INITIAL_BYTES, MAX_PLAN_BYTES
from fl_node.store.store import Store

# Above what an admissible update has more than the initial weights: what it says of itself.
_UPDATE_ALLOWANCE_BYTES = 2**20
_SAID_EVERY_BLOCKS = 1000

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Written:
    """What is in a bundle that was written."""

    manifest: Manifest
    evidence: Evidence


def write_bundle(
    file: Path, excerpt: Excerpt, store: Store, *, light: bool, say: Progress
) -> Written:
    """Write all that proves a federation, whole or not at all; what is written was verified.

    :param light: leave weights out
    :raises ProofError: when what the chain's node gives does not hold
    :raises FlnodeError: when chain or store cannot give something, missing files apart
    :raises OSError: when something cannot be written
    """
    claim = Claim(excerpt.chain_id, excerpt.federation, excerpt.first_block)
    with tempfile.TemporaryDirectory(prefix="flnode-bundle-") as name:
        folder = Path(name)
        write_chain(folder, excerpt, say)
        say("proving it")
        evidence = prove(folder, claim)
        places = {each: folder / each for each in (BLOCKS, CODE, HEADERS)}
        stored, absent = _collected(evidence, store, light, say)
        places |= {f"{STORE}{cid}": place for cid, place in stored.items()}
        manifest = Manifest(
            chain_id=claim.chain_id,
            federation=claim.federation,
            first_block=claim.first_block,
            head=(evidence.head[0], f"0x{evidence.head[1].hex()}"),
            light=light,
            absent=tuple(sorted(absent, key=str)),
            files=tuple(entry_of(each, places[each]) for each in sorted(places)),
        )
        say("writing it")
        pack(manifest, places, file)
    return Written(manifest, evidence)


def write_chain(folder: Path, excerpt: Excerpt, say: Progress) -> None:
    """Write a bundle's files about the chain, as the chain's node gives them."""
    (folder / CODE).write_bytes(excerpt.code())
    coder = HeaderCoder()
    with (folder / HEADERS).open("wb") as headers, (folder / BLOCKS).open("wb") as bodies:
        for header, body in excerpt.blocks():
            headers.write(coder.encode(header))
            if body is not None:
                bodies.write(encode_body(body))
            if header.number % _SAID_EVERY_BLOCKS == 0:
                say(f"block {header.number} of {excerpt.head}")


def _collected(
    evidence: Evidence, store: Store, light: bool, say: Progress
) -> tuple[dict[Cid, Path], set[Cid]]:
    """Fetch what the events lead to; gives places, and what cannot be had."""
    plan, contents = plan_of(evidence.events, store), contents_of(evidence.events, store)
    fetcher = _Fetcher(store, plan.fetch_timeout_seconds, contents)
    found: dict[Cid, Path] = {}
    wanted = contents.all(light)
    for number, cid in enumerate(sorted(wanted), 1):
        say(f"file {number} of {len(wanted)}")
        place = fetcher.fetch(cid, fetcher.most_bytes(cid, plan.initial))
        found |= {} if place is None else {cid: place}
    return found, wanted - set(found)


@dataclass(frozen=True)
class _Fetcher:
    store: Store
    timeout_seconds: int
    contents: Contents

    def fetch(self, cid: Cid, most_bytes: int) -> Path | None:
        try:
            return self.store.fetch(cid, max_bytes=most_bytes, timeout_seconds=self.timeout_seconds)
        except StoreError:  # missing, damaged or too large: an audit says so
            return None

    def most_bytes(self, cid: Cid, initial: Cid) -> int:
        if cid in self.contents.models:
            return MAX_INITIAL_BYTES
        if cid in self.contents.small:
            return MAX_PLAN_BYTES
        place = self.fetch(initial, MAX_INITIAL_BYTES)
        return _UPDATE_ALLOWANCE_BYTES + (place.stat().st_size if place else MAX_INITIAL_BYTES)

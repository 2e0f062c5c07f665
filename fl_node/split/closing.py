"""The end of an epoch: both parties compare roots, and sign one record or find where they part."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fl_node.chain.epochs import EpochRecord
from fl_node.cid import Cid
from fl_node.errors import CidError, SignatureError, SplitError
from fl_node.split.channel.link import Link
from fl_node.split.record.history import Peer
from fl_node.split.record.merkle import Tree, first_difference
from fl_node.split.record.phase import Party
from fl_node.split.record.refusal import UnfitError
from fl_node.split.record.signed import SignedRecord, Verify

_DIGEST_BYTES = 32
_SHOWN_DIGITS = 16


@dataclass(frozen=True)
class Claim:
    """What a party says of an epoch that it has whole.

    :ivar steps: training and evaluation
    :ivar leaves: in the tree
    :ivar root: of the tree
    :ivar records: of the file of the leaves
    :ivar checkpoint: salted digest of its own part
    """

    steps: int
    leaves: int
    root: bytes
    records: Cid
    checkpoint: bytes

    def word(self) -> dict[str, Any]:
        """Give it as one party says it to the other."""
        return {
            "steps": self.steps,
            "leaves": self.leaves,
            "root": self.root.hex(),
            "records": str(self.records),
            "checkpoint": self.checkpoint.hex(),
        }

    @classmethod
    def of_word(cls, word: Mapping[str, Any]) -> "Claim":
        """Read it.

        :raises SplitError: when it is none
        """
        try:
            steps, leaves = word["steps"], word["leaves"]
            root, checkpoint = (bytes.fromhex(word[key]) for key in ("root", "checkpoint"))
            records = Cid.parse(word["records"])
        except (KeyError, TypeError, ValueError, CidError) as error:
            raise SplitError(
                "the other party's word on the epoch is not as it should be"
            ) from error
        is_whole = type(steps) is int and type(leaves) is int and steps > 0 and leaves > 0
        if not is_whole or {len(root), len(checkpoint)} != {_DIGEST_BYTES}:
            raise SplitError("the other party's word on the epoch has impossible values")
        return cls(steps, leaves, root, records, checkpoint)


@dataclass(frozen=True)
class Agreed:
    """What goes to the chain."""

    record: EpochRecord
    node_signature: bytes
    provider_signature: bytes


class HistoriesPartError(SplitError):
    """Both parties have whole records of an epoch, and they are not the same.

    :ivar step: the first in which they differ
    :ivar changed_by: the party that the signatures convict; None when they do not tell
    """

    def __init__(self, epoch: int, step: int, changed_by: Party | None, found: str) -> None:
        self.epoch, self.step, self.changed_by = epoch, step, changed_by
        super().__init__(f"the histories of epoch {epoch} part in step {step}: {found}")


@dataclass(frozen=True)
class Closing:
    """One party at the end of an epoch.

    :ivar tree: over the leaves that this party has
    :ivar sign: with this party's account
    :ivar is_signed: tells whether a signature is of the other's account
    :ivar verify: by party, of the key that it announced for messages
    """

    party: Party
    peer: Peer
    node: int
    epoch: int
    claim: Claim
    tree: Tree
    leaf: Callable[[int], bytes]
    link: Link
    sign: Callable[[EpochRecord], bytes]
    is_signed: Callable[[EpochRecord, bytes], bool]
    verify: Mapping[Party, Verify]

    def agree(self) -> Agreed:
        """Exchange roots and signatures.

        :raises HistoriesPartError: when the roots differ
        :raises SplitError: when the other party does not answer in time, or signs something else
        """
        mine = self.claim.word()
        self.link.tell(mine)
        signed: bytes | None = None
        while True:
            word = self.link.hear(again=mine)
            if "root" not in word:
                continue  # an answer to an earlier question
            theirs = Claim.of_word(word)
            if theirs.root != self.claim.root:
                raise self._difference(theirs)
            record = self._record(theirs)
            if signed is None:
                signed = self.sign(record)
                mine = self.claim.word() | {"signature": signed.hex()}
                self.link.tell(mine)
            if word.get("signature") is not None:
                return self._agreed(record, signed, self._checked(record, word["signature"]))

    def _record(self, theirs: Claim) -> EpochRecord:
        if (theirs.steps, theirs.records) != (self.claim.steps, self.claim.records):
            raise SplitError(f"{self.peer.who} gives the same root to other records")
        is_node = self.party is Party.NODE
        node, provider = (self.claim, theirs) if is_node else (theirs, self.claim)
        return EpochRecord(
            node=self.node,
            epoch=self.epoch,
            steps=self.claim.steps,
            root=self.claim.root,
            records=self.claim.records,
            node_checkpoint=node.checkpoint,
            provider_checkpoint=provider.checkpoint,
        )

    def _checked(self, record: EpochRecord, text: object) -> bytes:
        try:
            signature = bytes.fromhex(str(text))
            is_signed = self.is_signed(record, signature)
        except (ValueError, SignatureError) as error:
            raise SplitError(f"{self.peer.who} gives no signature of epoch {self.epoch}") from error
        if not is_signed:
            raise SplitError(
                f"{self.peer.who} signs epoch {self.epoch} with another account than the chain's"
            )
        return signature

    def _agreed(self, record: EpochRecord, mine: bytes, theirs: bytes) -> Agreed:
        if self.party is Party.NODE:
            return Agreed(record, mine, theirs)
        return Agreed(record, theirs, mine)

    def _difference(self, theirs: Claim) -> HistoriesPartError:
        """Find the first leaf that differs; the data owner asks, the provider answers."""
        if self.party is Party.NODE:
            index = first_difference(self.tree, theirs.leaves, self._ask)
            if index is None:
                raise SplitError(f"{self.peer.who} gives another root to the same leaves")
            word = self._shown(index)
            self.link.tell(word)
            other = _leaf_of(self._hear("parts", word), index)
        else:
            index, other = self._answer()
        return self._judged(index, other)

    def _ask(self, first: int, count: int) -> bytes:
        question = {"ask": [first, count]}
        self.link.tell(question)
        while True:
            word = self._hear("answer", question)
            if word["answer"] == [first, count]:
                return _digest(word.get("hash"))

    def _answer(self) -> tuple[int, bytes]:
        answer: dict[str, Any] = self.claim.word()
        while True:
            word = self.link.hear(again=answer)
            if "parts" in word:
                index = word["parts"]
                if type(index) is not int or not 0 <= index <= self.tree.size:
                    raise SplitError(f"{self.peer.who} names a leaf that is not there")
                self.link.tell(self._shown(index))
                return index, _leaf_of(word, index)
            if "ask" in word:
                first, count = _pair(word["ask"])
                subtree = self.tree.subtree(first, count)
                answer = {"answer": [first, count], "hash": subtree.hex()}
                self.link.tell(answer)

    def _hear(self, key: str, again: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            word = self.link.hear(again=again)
            if key in word:
                return word

    def _shown(self, index: int) -> dict[str, Any]:
        leaf = self.leaf(index) if index < self.tree.size else b""
        return {"parts": index, "leaf": leaf.hex()}

    def _judged(self, index: int, theirs: bytes) -> HistoriesPartError:
        mine = self.leaf(index) if index < self.tree.size else b""
        found = [self._read(each) for each in (mine, theirs)]
        known = [each for each in found if each is not None]
        if not known:
            return HistoriesPartError(self.epoch, 0, None, "neither leaf is a record")
        step, sender = known[0].record.step, known[0].record.phase.sender
        valid = [each is not None and each.is_signed(self.verify[sender]) for each in found]
        changed_by, said = self._convicted(sender, valid)
        what = f"{known[0].record.phase.label} {_shown(mine)} here, {_shown(theirs)} there; {said}"
        return HistoriesPartError(self.epoch, step, changed_by, what)

    def _convicted(self, sender: Party, valid: list[bool]) -> tuple[Party | None, str]:
        if all(valid):
            return sender, f"the {sender.value} has signed both"
        if valid[0]:
            return self.peer.party, f"{self.peer.who} shows what the {sender.value} has not signed"
        if valid[1]:
            return self.party, f"what is kept here is not what the {sender.value} has signed"
        return None, f"the {sender.value} has signed neither"

    def _read(self, leaf: bytes) -> SignedRecord | None:
        try:
            return SignedRecord.decode(leaf)
        except UnfitError:
            return None


def _leaf_of(word: Mapping[str, Any], index: int) -> bytes:
    if word.get("parts") != index:
        raise SplitError("the other party shows another leaf than the one that differs")
    try:
        return bytes.fromhex(str(word.get("leaf")))
    except ValueError as error:
        raise SplitError("the other party shows no leaf") from error


def _digest(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError as error:
        raise SplitError("the other party answers with no digest") from error


def _pair(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or [type(each) for each in value] != [int, int]:
        raise SplitError("the other party asks for no part of the tree")
    return value[0], value[1]


def _shown(leaf: bytes) -> str:
    """Name a leaf; its own first bytes are the session's, alike in all."""
    return hashlib.sha256(leaf).hexdigest()[:_SHOWN_DIGITS] if leaf else "none"

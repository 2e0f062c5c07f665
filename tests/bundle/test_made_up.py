"""What one who makes an unsealed chain cannot do: let others say what they did not sign.

He writes receipts as he likes, with roots, hashes and a manifest that fit.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from fl_node.bundle.bodies import encode_body, read_body
from fl_node.bundle.headers import HeaderCoder
from fl_node.chain.abi import event_names
from fl_node.chain.body import Body
from fl_node.chain.embedded import embedded_account
from fl_node.chain.header import RECEIPTS, TRANSACTIONS, Header
from fl_node.chain.proof import (
    Log,
    Receipt,
    encode_receipt,
    header_hash,
    read_receipt,
    read_transaction,
    root_of,
)
from fl_node.errors import FlnodeError
from tests.bundle.bundles import forged, verified, written
from tests.small_federation import SmallFederation, small_federation

Bodies = list[Body]
TOPICS = {name: topic for topic, name in event_names().items()}


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> SmallFederation:
    """One block each: see the numbers below."""
    made = small_federation(tmp_path_factory.mktemp("federation"))
    made.run_round(1, 2)
    timeline = made.timeline()
    made.ledger("node 1").attest(1, 1, timeline.model(1).weights, timeline.history)
    made.ledger("owner").extend(4)
    return made


@pytest.fixture(scope="module")
def file(federation: SmallFederation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle") / "whole.bundle"
    written(federation, place)
    return place


CREATED, REGISTERED_1, REGISTERED_2, BEGUN, SENT_1, SENT_2, CLOSED, ATTESTED, EXTENDED = range(9)


def bodies_in(folder: Path) -> Iterator[Body]:
    with (folder / "blocks").open("rb") as stream:
        while stream.peek(1):
            yield read_body(stream)


def made_up(file: Path, folder: Path, change: Callable[[Bodies], Bodies]) -> Path:
    """Make another chain of a bundle's blocks, each link and root of which holds."""
    head: dict[str, tuple[int, str]] = {}

    def rewrite(taken: Path) -> None:
        bodies = change(list(bodies_in(taken)))
        with (taken / "headers").open("rb") as stream:
            headers = [block.header for block in HeaderCoder().decode(stream)]
        last = headers[0]
        chain = [last]
        for body, header in zip(bodies, headers[1:], strict=True):
            fields = list(header.fields)
            fields[0] = header_hash(last)
            fields[TRANSACTIONS], fields[RECEIPTS] = (
                root_of(body.transactions),
                root_of(body.receipts),
            )
            last = Header(tuple(fields))
            chain.append(last)
        coder = HeaderCoder()
        (taken / "headers").write_bytes(b"".join(map(coder.encode, chain)))
        (taken / "blocks").write_bytes(b"".join(map(encode_body, bodies)))
        head["head"] = (last.number, f"0x{header_hash(last).hex()}")

    first = forged(file, folder, rewrite)
    return forged(first, folder.with_name(f"{folder.name}-again"), lambda _: None, **head)


def with_receipt(body: Body, change: Callable[[Receipt], Receipt]) -> Body:
    receipt = change(read_receipt(body.receipts[0]))
    raw = encode_receipt(2, receipt.succeeded, 21_000, bytes(256), receipt.logs)
    return Body(body.transactions, (raw,))


def changed(place: int, change: Callable[[Receipt], Receipt]) -> Callable[[Bodies], Bodies]:
    def lie(bodies: Bodies) -> Bodies:
        return [with_receipt(b, change) if n == place else b for n, b in enumerate(bodies)]

    return lie


def saying(change: Callable[[Log], Log]) -> Callable[[Receipt], Receipt]:
    return lambda receipt: replace(receipt, logs=tuple(map(change, receipt.logs)))


def word(place: int, value: bytes) -> Callable[[Receipt], Receipt]:
    """Put another word into an event's data."""

    def change(log: Log) -> Log:
        start, end = 32 * place, 32 * place + 32
        return replace(log, data=log.data[:start] + value.rjust(32, b"\0") + log.data[end:])

    return saying(change)


def another_node(log: Log) -> Log:
    return replace(log, topics=(*log.topics[:2], (2).to_bytes(32)))


def another_event(log: Log) -> Log:
    return replace(log, topics=(TOPICS["Reopened"], (1).to_bytes(32)), data=log.data[-32:])


def unknown_event(log: Log) -> Log:
    return replace(log, topics=(bytes(32), *log.topics[1:]))


def longer(log: Log) -> Log:
    return replace(log, data=log.data + bytes(32))


def dirty(log: Log) -> Log:
    return replace(log, topics=(*log.topics[:2], b"\1" + log.topics[2][1:]))


def signed_by(role: str, place: int) -> Callable[[Bodies], Bodies]:
    """Put the same call, signed by somebody else, in a transaction's place."""

    def lie(bodies: Bodies) -> Bodies:
        found = read_transaction(bodies[place].transactions[0])
        call = {
            "to": found.receiver,
            "data": found.data,
            "chainId": found.chain_id,
            "nonce": found.nonce,
            "value": 0,
            "gas": 10**6,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 1,
        }
        raw = Account.sign_transaction(call, embedded_account(role).key).raw_transaction
        bodies[place] = Body((bytes(raw),), bodies[place].receipts)
        return bodies

    return lie


def on_another_chain(bodies: Bodies) -> Bodies:
    found = read_transaction(bodies[SENT_1].transactions[0])
    call = {"to": found.receiver, "data": found.data, "chainId": 1, "nonce": 0, "value": 0}
    call |= {"gas": 10**6, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
    raw = Account.sign_transaction(call, embedded_account("node 1").key).raw_transaction
    bodies[SENT_1] = Body((bytes(raw),), bodies[SENT_1].receipts)
    return bodies


def a_transfer_with_an_event(bodies: Bodies) -> Bodies:
    found = read_transaction(bodies[SENT_1].transactions[0])
    call = {"to": embedded_account("header").address, "chainId": found.chain_id, "nonce": 0}
    call |= {"value": 0, "gas": 10**6, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
    raw = Account.sign_transaction(call, embedded_account("node 1").key).raw_transaction
    bodies[SENT_1] = Body((bytes(raw),), bodies[SENT_1].receipts)
    return bodies


def swapped(bodies: Bodies) -> Bodies:
    bodies[SENT_1], bodies[SENT_2] = bodies[SENT_2], bodies[SENT_1]
    return bodies


def twice(receipt: Receipt) -> Receipt:
    return replace(receipt, logs=receipt.logs * 2)


def no_event(receipt: Receipt) -> Receipt:
    return replace(receipt, logs=())


def failed(receipt: Receipt) -> Receipt:
    return replace(receipt, succeeded=False)


LIES = {
    "other weights in an event": (changed(SENT_1, word(1, b"w" * 32)), "with another weights"),
    "more samples": (changed(SENT_1, word(2, b"\7")), "with another samples"),
    "another attempt": (changed(SENT_1, word(3, b"\2")), "does not follow"),
    "another node's": (changed(SENT_1, saying(another_node)), "with another nodeId"),
    "another global": (changed(CLOSED, word(0, b"g" * 32)), "with another weights"),
    "another report": (changed(CLOSED, word(1, b"r" * 32)), "with another report"),
    "another closer": (changed(CLOSED, word(2, b"c" * 20)), "is signed by"),
    "another history": (changed(CLOSED, word(3, b"h" * 32)), "with another seen|does not follow"),
    "a word on another global": (changed(ATTESTED, word(0, b"g" * 32)), "with another weights"),
    "a word on another past": (changed(ATTESTED, word(2, b"h" * 32)), "with another seen"),
    "another event": (changed(SENT_1, saying(another_event)), "calls another function"),
    "an unknown event": (changed(SENT_1, saying(unknown_event)), "an event of a federation"),
    "a longer event": (changed(SENT_1, saying(longer)), "an event of a federation"),
    "an event with dirt": (changed(SENT_1, saying(dirty)), "an event of a federation"),
    "an event said twice": (changed(SENT_1, twice), "has 2 events"),
    "an event left out": (changed(SENT_1, no_event), "has 0 events"),
    "an event of a failed call": (changed(SENT_1, failed), "has 1 events"),
    "other rounds": (changed(EXTENDED, word(0, b"\5")), "with another toRound"),
    "another owner": (changed(CREATED, word(10, b"o" * 20)), "names another owner"),
    "another header": (changed(CREATED, word(9, b"o" * 20)), "with other terms than it says"),
    "another plan": (changed(CREATED, word(0, b"p" * 32)), "with other terms than it says"),
    "no creation": (changed(CREATED, no_event), "has 0 events"),
    "an update by a stranger": (signed_by("stranger", SENT_1), "is signed by 0x"),
    "an update by the header": (signed_by("header", SENT_1), "is signed by 0x"),
    "a global by a stranger": (signed_by("stranger", CLOSED), "is signed by 0x"),
    "a registration by a node": (signed_by("node 1", REGISTERED_2), "is signed by 0x"),
    "the first global by the header": (signed_by("header", BEGUN), "is signed by 0x"),
    "an owner's act by the header": (signed_by("header", EXTENDED), "is signed by 0x"),
    "a creation by a stranger": (signed_by("stranger", CREATED), "creates|has 1 events"),
    "a signature for another chain": (on_another_chain, "is signed for chain 1"),
    "an event of a transfer": (a_transfer_with_an_event, "has 1 events"),
    "another order": (swapped, "with another seen"),
}


def test_a_chain_made_again_of_the_same_blocks_holds(file: Path, tmp_path: Path) -> None:
    assert made_up(file, tmp_path / "f", lambda bodies: bodies).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(("lie", "answer"), LIES.values(), ids=LIES)
def test_what_nobody_signed_is_found(
    file: Path, tmp_path: Path, lie: Callable[[Bodies], Bodies], answer: str
) -> None:
    with pytest.raises(FlnodeError, match=answer):
        verified(made_up(file, tmp_path / "forged", lie))


def test_a_failed_call_without_its_event_is_what_an_unsealed_chain_cannot_rule_out(
    file: Path, tmp_path: Path
) -> None:
    """As docs/bundle.md says; but nothing that was signed over it fits any more."""
    quiet = changed(SENT_1, lambda receipt: failed(no_event(receipt)))
    with pytest.raises(FlnodeError, match="does not follow"):
        verified(made_up(file, tmp_path / "middle", quiet))
    last = changed(EXTENDED, lambda receipt: failed(no_event(receipt)))
    checked = verified(made_up(file, tmp_path / "last", last))
    assert checked.audit.ok
    assert not checked.anchored

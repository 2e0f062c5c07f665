"""Every refusal of split learning's contract: who asked for what, and the error with its values."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from fl_node.chain.epoch_signature import record_values
from fl_node.chain.epochs import EVERYONE, Side
from fl_node.chain.interface import split_session
from tests.contracts.split_sandbox import (
    NOBODY,
    OWNER,
    PLAN,
    PROVIDER,
    STRANGER,
    SplitSandbox,
    address,
    record,
)
from tests.contracts.split_twin import SplitTwin
from tests.contracts.spoken import START, RefusedError, error_names

ONE, TWO, SPARE = address("node 1"), address("node 2"), address("spare")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
Step = Callable[[SplitTwin], Any]


class Refusal(NamedTuple):
    """What is done first, the call that is then refused, and how."""

    error: str
    values: tuple[Any, ...]
    call: Step
    before: tuple[Step, ...] = ()


def by(sender: str, function: str, *values: Any) -> Step:
    return lambda sandbox: sandbox.act(sender, function, *values)


def wait(seconds: int) -> Step:
    return lambda sandbox: setattr(sandbox, "now", sandbox.now + seconds)


def announce(node: int, **changes: Any) -> Step:
    return lambda sandbox: sandbox.announce(node, **changes)


def announce_as(sender: str, node: int) -> Step:
    return by(sender, "announce", node, b"K" * 32, b"", b"", START + 1)


def recorded(node: int = 1, **changes: Any) -> Step:
    return lambda sandbox: sandbox.record(node, **changes)


def alone(node: int, role: str, difference: int = 0, **changes: Any) -> Step:
    return lambda sandbox: sandbox.record_alone(node, role, difference, **changes)


def hand_on(from_node: int, to_node: int, epoch: int = 1, by: str = "") -> Step:
    return lambda sandbox: sandbox.hand_on(from_node, to_node, epoch, by)


def create_with(provider: str = PROVIDER, terms: tuple[int, int] = (3, 100)) -> Step:
    return lambda sandbox: sandbox.create(OWNER, [PLAN, provider, terms])


def signed(change: Callable[[bytes], bytes], side: Side) -> Step:
    """Record epoch 1 of node 1 with one signature changed."""

    def act(sandbox: SplitTwin) -> Any:
        given = record(1, 1)
        signatures = {
            Side.NODE: sandbox.sign("node 1", given),
            Side.PROVIDER: sandbox.sign("provider", given),
        }
        signatures[side] = change(signatures[side])
        both = signatures[Side.NODE], signatures[Side.PROVIDER]
        return sandbox.act(STRANGER, "recordEpoch", record_values(given), *both)

    return act


def higher_s(signature: bytes) -> bytes:
    """The other signature that is as good (EIP-2)."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


both_here = announce(0), announce(1)
NOT_SIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda _: b"",
    "one byte too few": lambda signature: signature[:-1],
    "one byte too many": lambda signature: signature + b"\0",
    "zeros": lambda _: bytes(65),
    "the higher s": higher_s,
    "v as 0 or 1": lambda signature: signature[:64] + bytes([signature[64] - 27]),
    "an s of zero": lambda signature: signature[:32] + bytes(32) + signature[64:],
    "an r past the order": lambda signature: b"\xff" * 32 + signature[32:],
}

REFUSALS = [
    Refusal("ZeroAccount", (), create_with(provider=NOBODY)),
    Refusal("BadTerms", ((0, 100),), create_with(terms=(0, 100))),
    Refusal("BadTerms", ((3, 0),), create_with(terms=(3, 0))),
    # Membership.
    Refusal("NotOwner", (ONE, OWNER), by(ONE, "registerNode", 3, SPARE)),
    Refusal("NotOwner", (ONE, OWNER), by(ONE, "removeNode", 1)),
    Refusal("NotOwner", (PROVIDER, OWNER), by(PROVIDER, "setProvider", SPARE)),
    Refusal("ZeroNodeId", (), by(OWNER, "registerNode", 0, SPARE)),
    Refusal("ZeroAccount", (), by(OWNER, "registerNode", 3, NOBODY)),
    Refusal("ZeroAccount", (), by(OWNER, "setProvider", NOBODY)),
    Refusal("NodeTaken", (1, ONE), by(OWNER, "registerNode", 1, SPARE)),
    Refusal("AccountTaken", (ONE, 1), by(OWNER, "registerNode", 3, ONE)),
    Refusal("AccountTaken", (ONE, 1), by(OWNER, "setProvider", ONE)),
    Refusal("AccountOfProvider", (PROVIDER,), by(OWNER, "registerNode", 3, PROVIDER)),
    Refusal("AccountOfProvider", (PROVIDER,), by(OWNER, "setProvider", PROVIDER)),
    Refusal("UnknownNode", (3,), by(OWNER, "removeNode", 3)),
    Refusal("UnknownNode", (0,), by(OWNER, "removeNode", 0)),
    # Announcements.
    Refusal("NotAccountOfNode", (1, TWO), announce_as(TWO, 1)),
    Refusal("NotAccountOfNode", (1, PROVIDER), announce_as(PROVIDER, 1)),
    Refusal("NotAccountOfNode", (0, ONE), announce_as(ONE, 0)),
    Refusal("NotAccountOfNode", (0, STRANGER), announce_as(STRANGER, 0)),
    Refusal("UnknownNode", (3,), announce_as(ONE, 3)),
    Refusal("EmptyKey", (), announce(1, key=bytes(32))),
    Refusal("TooLong", (2049, 2048), announce(1, certificate=b"c" * 2049)),
    Refusal("TooLong", (256, 255), announce(1, endpoint=b"e" * 256)),
    Refusal("Expired", (START, START), announce(1, expires=START)),
    Refusal("Expired", (0, START), announce(0, expires=0)),
    # Epochs with both signatures.
    Refusal("UnknownNode", (3,), recorded(3)),
    Refusal("UnknownNode", (0,), recorded(0)),
    Refusal("WrongEpoch", (0, 1), recorded(1, epoch=0)),
    Refusal("WrongEpoch", (2, 1), recorded(1, epoch=2)),
    Refusal("WrongEpoch", (1, 2), recorded(1, epoch=1), (recorded(1),)),
    Refusal("SessionComplete", (3,), recorded(1), (recorded(1), recorded(1), recorded(1))),
    Refusal("BadSignature", (1, ONE, TWO), recorded(1, node_role="node 2")),
    Refusal("BadSignature", (1, ONE, PROVIDER), recorded(1, node_role="provider")),
    Refusal("BadSignature", (0, PROVIDER, SPARE), recorded(1, provider_role="spare")),
    Refusal("BadSignature", (0, PROVIDER, ONE), recorded(1, provider_role="node 1")),
    Refusal(
        "BadSignature",
        (1, SPARE, ONE),
        recorded(1),
        (by(OWNER, "removeNode", 1), by(OWNER, "registerNode", 1, SPARE)),
    ),
    Refusal("BadSignature", (0, SPARE, PROVIDER), recorded(1), (by(OWNER, "setProvider", SPARE),)),
    *(
        Refusal("BadSignature", (1, ONE, NOBODY), signed(change, Side.NODE))
        for change in NOT_SIGNATURES.values()
    ),
    *(
        Refusal("BadSignature", (0, PROVIDER, NOBODY), signed(change, Side.PROVIDER))
        for change in NOT_SIGNATURES.values()
    ),
    # Epochs of one side.
    Refusal("UnknownNode", (3,), alone(3, "provider", 1)),
    Refusal("NotParty", (1, TWO), alone(1, "node 2", 1)),
    Refusal("NotParty", (1, SPARE), alone(1, "spare", 1)),
    Refusal("WrongEpoch", (2, 1), alone(1, "node 1", 1, epoch=2)),
    Refusal("WrongEpoch", (0, 1), alone(1, "node 1", 1, epoch=0)),
    Refusal("WrongEpoch", (1, 2), alone(1, "provider", 1, epoch=1), (recorded(1),)),
    Refusal(
        "SessionComplete", (3,), alone(1, "node 1", 1), (recorded(1), recorded(1), recorded(1))
    ),
    Refusal("NotAnnounced", (1,), alone(1, "provider"), (announce(0), wait(200))),
    Refusal("NotAnnounced", (0,), alone(1, "node 1"), (announce(1), wait(200))),
    Refusal("NotAnnounced", (0,), alone(1, "node 1"), (recorded(1), wait(200))),
    Refusal(
        "NotAnnounced",
        (0,),
        alone(1, "node 1"),
        (*both_here, by(OWNER, "setProvider", SPARE), wait(200)),
    ),
    Refusal(
        "NotAnnounced",
        (1,),
        alone(1, "provider"),
        (
            *both_here,
            by(OWNER, "removeNode", 1),
            by(OWNER, "registerNode", 1, SPARE),
            wait(200),
        ),
    ),
    Refusal(
        "DeadlineRunning", (START + 100, START + 99), alone(1, "node 1"), (*both_here, wait(99))
    ),
    Refusal(
        "DeadlineRunning",
        (START + 150, START + 149),
        alone(1, "provider"),
        (announce(1), wait(50), announce(0), wait(99)),
    ),
    Refusal(
        "DeadlineRunning",
        (START + 150, START + 100),
        alone(1, "provider"),
        (*both_here, wait(50), recorded(1), wait(50)),
    ),
    Refusal(
        "AlreadyRecordedAlone",
        (1, 1, Side.NODE),
        alone(1, "node 1", 2),
        (alone(1, "node 1", 1),),
    ),
    Refusal(
        "AlreadyRecordedAlone",
        (1, 1, Side.NODE),
        alone(1, "node 1"),
        (*both_here, wait(100), alone(1, "node 1", 1)),
    ),
    *(
        Refusal(
            "AlreadyRecordedAlone",
            (1, 1, side),
            alone(1, role, again),
            (*both_here, wait(100), *(alone(1, role, each) for each in said)),
        )
        for side, role in ((Side.PROVIDER, "provider"), (Side.NODE, "node 1"))
        for said, again in (((0,), 0), ((0, 4), 0), ((0, 4), 4), ((0, 4), 5))
    ),
    Refusal(
        "NotParty",
        (1, PROVIDER),
        alone(1, "provider", 1),
        (*both_here, wait(100), alone(1, "provider"), by(OWNER, "setProvider", SPARE)),
    ),
    Refusal(
        "WrongEpoch",
        (1, 2),
        alone(1, "provider", 1, epoch=1),
        (*both_here, wait(100), alone(1, "provider"), recorded(1)),
    ),
    # Handing on.
    Refusal("NotAccountOfNode", (1, TWO), hand_on(1, 2, by="node 2"), (recorded(1),)),
    Refusal("UnknownNode", (3,), hand_on(3, 1, by="node 1"), (recorded(1),)),
    Refusal("UnknownNode", (3,), hand_on(1, 3), (recorded(1),)),
    Refusal("UnknownNode", (0,), hand_on(0, 1, by="node 1"), (recorded(1),)),
    Refusal("UnknownNode", (0,), hand_on(0, EVERYONE, by="provider"), (recorded(1),)),
    Refusal(
        "UnknownNode",
        (1,),
        hand_on(1, EVERYONE),
        (recorded(1), by(OWNER, "removeNode", 1)),
    ),
    Refusal("NotAccountOfNode", (1, TWO), hand_on(1, EVERYONE, by="node 2"), (recorded(1),)),
    Refusal("NotAccountOfNode", (1, PROVIDER), hand_on(1, EVERYONE, by="provider"), (recorded(1),)),
    Refusal("SameNode", (1,), hand_on(1, 1), (recorded(1),)),
    Refusal("NotRecorded", (1, 1, 0), hand_on(1, 2)),
    Refusal("NotRecorded", (1, 0, 1), hand_on(1, 2, 0), (recorded(1),)),
    Refusal("NotRecorded", (1, 2, 1), hand_on(1, 2, 2), (recorded(1),)),
    Refusal("NotRecorded", (1, 1, 0), hand_on(1, EVERYONE)),
    Refusal("NotRecorded", (1, 0, 1), hand_on(1, EVERYONE, 0), (recorded(1),)),
    Refusal("NotRecorded", (1, 2, 1), hand_on(1, EVERYONE, 2), (recorded(1),)),
]


@pytest.mark.parametrize(
    "refusal", REFUSALS, ids=[f"{n} {each.error}" for n, each in enumerate(REFUSALS)]
)
def test_what_is_refused_is_refused_by_name_with_its_values(refusal: Refusal) -> None:
    sandbox = SplitTwin()
    sandbox.start(2)
    for step in refusal.before:
        step(sandbox)
    history = sandbox.look("history")
    with pytest.raises(RefusedError) as caught:
        refusal.call(sandbox)
    assert (caught.value.name, caught.value.values) == (refusal.error, refusal.values)
    assert sandbox.look("history") == history


def test_every_error_of_the_interface_has_a_refusal_here() -> None:
    assert {refusal.error for refusal in REFUSALS} == error_names(split_session())


def altered(value: int | bytes) -> int | bytes:
    """Another value of the same type."""
    return value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]


@pytest.mark.parametrize("field", range(7))
def test_a_record_that_was_altered_after_signing_is_nobodys(field: int) -> None:
    sandbox: SplitSandbox = SplitTwin()
    sandbox.start(3)
    given = record(1, 1)
    both = sandbox.sign("node 1", given), sandbox.sign("provider", given)
    values = list(record_values(given))
    values[field] = (
        values[field] + 1 if field < 3 else bytes([values[field][0] ^ 1]) + values[field][1:]
    )
    with pytest.raises(RefusedError) as caught:
        sandbox.act(STRANGER, "recordEpoch", tuple(values), *both)
    assert caught.value.name == ("WrongEpoch" if field == 1 else "BadSignature")


def test_signatures_for_another_contract_are_refused() -> None:
    sandbox = SplitTwin()
    sandbox.start(1)
    other = SplitTwin(sandbox.evm)
    other.start(1)
    given = record(1, 1)
    both = other.sign("node 1", given), other.sign("provider", given)
    with pytest.raises(RefusedError, match="BadSignature"):
        sandbox.act(STRANGER, "recordEpoch", record_values(given), *both)
    other.act(STRANGER, "recordEpoch", record_values(given), *both)


def test_an_epoch_recorded_once_is_not_recorded_again() -> None:
    sandbox = SplitTwin()
    sandbox.start(1)
    given = record(1, 1)
    sandbox.record_signed(given, "node 1", "provider")
    with pytest.raises(RefusedError) as caught:
        sandbox.record_signed(given, "node 1", "provider")
    assert (caught.value.name, caught.value.values) == ("WrongEpoch", (1, 2))

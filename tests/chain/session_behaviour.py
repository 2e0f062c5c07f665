"""What every ledger of split learning does, whatever chain the contract lives on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.chain.epochs import EVERYONE, Mark, Session, Side
from fl_node.chain.ethereum_session import EthereumSessionLedger
from fl_node.chain.history import first_session_break
from fl_node.chain.session_ledger import SessionLedger
from fl_node.errors import LedgerError, RevertedError, UnreachableError
from tests.chain.scene import address
from tests.chain.session_scene import (
    PLAN,
    PROVIDER,
    SPARE,
    TERMS,
    SessionScene,
    announcement,
    deployed,
    digest,
    handed,
    lone,
    record,
    whole_life,
    without_history,
)

Write = Callable[[SessionLedger], None]
WRITES: dict[str, Write] = {
    "announce": lambda ledger: ledger.announce(announcement(1)),
    "record_epoch": lambda ledger: ledger.record_epoch(record(1), bytes(65), bytes(65)),
    "record_alone": lambda ledger: ledger.record_alone(lone(1, 1, 1)),
    "hand_on": lambda ledger: ledger.hand_on(handed(1, 2)),
    "register_node": lambda ledger: ledger.register_node(3, address("node 3")),
    "remove_node": lambda ledger: ledger.remove_node(2),
    "set_provider": lambda ledger: ledger.set_provider(address(SPARE)),
}
READS: dict[str, Callable[[SessionLedger], object]] = {
    "plan": lambda ledger: ledger.plan(),
    "owner": lambda ledger: ledger.owner(),
    "provider": lambda ledger: ledger.provider(),
    "provider_since": lambda ledger: ledger.provider_since(),
    "terms": lambda ledger: ledger.terms(),
    "session": lambda ledger: ledger.session(1),
    "history": lambda ledger: ledger.history(),
}
OUT_OF_RANGE: dict[str, Write] = {
    "a node too large": lambda ledger: ledger.remove_node(2**32),
    "a key too short": lambda ledger: ledger.announce(announcement(1, key=b"k" * 31)),
    "a time too late": lambda ledger: ledger.announce(announcement(1, expires=2**40)),
    "steps below zero": lambda ledger: ledger.record_alone(replace(lone(1), steps=-1)),
}


class SessionBehaviour:
    """Needs the fixtures `make`, which deploys, and `standing`: epoch 1 of node 1 is recorded.

    Tests of calls that change nothing share the latter.
    """

    @pytest.fixture
    def scene(self, make: Callable[[], SessionScene]) -> SessionScene:
        return make()

    @pytest.fixture
    def started(self, scene: SessionScene) -> SessionScene:
        scene.start()
        return scene

    def test_a_ledger_knows_what_never_changes(self, scene):
        ledger = scene.ledger("node 1")
        assert (ledger.plan(), ledger.terms(), ledger.owner()) == (PLAN, TERMS, address("owner"))
        assert ledger.provider() == address(PROVIDER)
        assert (ledger.account, ledger.contract) == (address("node 1"), scene.contract)
        assert scene.ledger(None).account is None
        assert ledger.session(1) is None
        assert ledger.provider_since() == 0

    def test_a_registered_node_has_a_session(self, started):
        found = started.ledger(None).session(2)
        assert found == Session(2, address("node 2"), 0, 0, Mark.NONE, Mark.NONE)
        assert found.next_epoch == 1
        started.ledger("owner").remove_node(2)
        assert started.ledger(None).session(2) is None

    def test_announcements_start_the_clock_and_come_back_whole(self, started):
        assert started.ledger(None).overdue_at(started.ledger(None).session(1)) is None
        started.announce()
        ledger = started.ledger(None)
        provider, node = ledger.events()[-2:]
        assert node.values["certificate"] == b"certificate"
        assert node.values["endpoint"] == b"127.0.0.1:7000"
        assert ledger.provider_since() == provider.timestamp
        assert ledger.session(1).since == node.timestamp
        latest = max(provider.timestamp, node.timestamp)
        assert ledger.overdue_at(ledger.session(1)) == latest + TERMS.deadline_seconds

    def test_the_longest_announcement_fits_into_a_transaction(self, started):
        longest = announcement(1, certificate=b"\xff" * 2048, endpoint="e" * 255)
        started.ledger("node 1").announce(longest)
        assert started.ledger(None).events()[-1].values["certificate"] == b"\xff" * 2048

    def test_an_epoch_with_both_signatures_is_recorded_by_anybody(self, started):
        started.record(1, by="owner")
        found, event = started.ledger(None).session(1), started.ledger(None).events()[-1]
        assert (found.epochs, found.next_epoch, found.since) == (1, 2, event.timestamp)
        given = record(1)
        assert event.values["nodeSignature"] == started.sign("node 1", given)
        assert event.values["providerSignature"] == started.sign(PROVIDER, given)

    def test_a_dispute_stands_at_once_and_is_healed(self, started):
        started.ledger("node 1").record_alone(lone(1, 1, first_difference=3))
        found = started.ledger(None).session(1)
        assert (found.by_node, found.by_provider) == (Mark.DISPUTED, Mark.NONE)
        assert found.disputed
        started.record(1)
        assert not started.ledger(None).session(1).disputed

    def test_one_side_records_alone_after_the_deadline(self, started):
        started.announce()
        ledger = started.ledger(PROVIDER)
        with pytest.raises(RevertedError, match="DeadlineRunning"):
            ledger.record_alone(lone(1))
        started.wait(TERMS.deadline_seconds)
        ledger.record_alone(lone(1))
        found = ledger.session(1)
        assert (found.by_provider, found.disputed) == (Mark.ONE_SIDED, False)

    def test_a_dispute_may_follow_silence_and_nothing_follows_a_dispute(self, started):
        started.announce()
        started.wait(TERMS.deadline_seconds)
        ledger = started.ledger(PROVIDER)
        ledger.record_alone(lone(1))
        with pytest.raises(RevertedError, match="AlreadyRecordedAlone"):
            ledger.record_alone(lone(1))
        ledger.record_alone(lone(1, first_difference=3))
        found = ledger.session(1)
        assert (found.by_provider, found.by_node) == (Mark.DISPUTED, Mark.NONE)
        for first_difference in (0, 3):
            with pytest.raises(RevertedError) as caught:
                ledger.record_alone(lone(1, first_difference=first_difference))
            assert caught.value.name == "AlreadyRecordedAlone"
            assert caught.value.values == (1, 1, Side.PROVIDER)

    def test_another_provider_signs_from_then_on(self, started):
        started.ledger("owner").set_provider(address(SPARE))
        assert started.ledger(None).provider() == address(SPARE)
        with pytest.raises(RevertedError) as caught:
            started.record(1)
        assert caught.value.name == "BadSignature"
        assert caught.value.values == (0, address(SPARE).lower(), address(PROVIDER).lower())

    def test_events_tell_a_whole_life_in_order(self, started):
        whole_life(started)
        found = started.ledger(None).events()
        told = [(event.kind, without_history(event.values)) for event in found]
        assert told == _whole_life(started)
        times = [event.timestamp for event in found]
        assert times == sorted(times)

    def test_the_history_follows_from_the_events_and_ends_in_the_contracts(self, started):
        whole_life(started)
        ledger = started.ledger(None)
        events = ledger.events()
        assert first_session_break(events, ledger.chain_id, ledger.contract) is None
        assert events[-1].values["history"] == ledger.history()

    def test_now_is_when_the_next_block_will_judge(self, started):
        ledger = started.ledger("node 1")
        promised = ledger.now()
        started.wait(3)
        assert ledger.now() >= promised + 3
        promised = ledger.now()
        ledger.announce(announcement(1))
        assert ledger.events()[-1].timestamp >= promised

    def test_the_head_changes_with_what_happens(self, started):
        before = started.ledger(None).head()
        started.record(1)
        assert started.ledger(None).head() != before
        started.ledger(PROVIDER).wait_settled()

    def test_terms_of_nothing_are_refused_at_deployment(self, scene):
        with pytest.raises(RevertedError) as caught:
            deployed(scene.connection, scene.wait, replace(TERMS, epochs=0))
        assert (caught.value.name, caught.value.values) == ("BadTerms", ((0, 2),))

    def test_a_refusal_names_the_contracts_error_and_its_values(self, standing):
        with pytest.raises(RevertedError) as caught:
            standing.record(1, 1)
        assert (caught.value.name, caught.value.values) == ("WrongEpoch", (1, 2))
        with pytest.raises(RevertedError) as caught:
            standing.ledger(SPARE).hand_on(handed(1, 2))
        assert caught.value.name == "NotAccountOfNode"
        assert caught.value.values == (1, address(SPARE).lower())

    @pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
    def test_without_an_account_every_write_is_refused_in_one_line(self, standing, write):
        with pytest.raises(LedgerError, match=r"without an account: give a keystore$"):
            write(standing.ledger(None))

    @pytest.mark.parametrize("act", [*WRITES.values(), *READS.values()], ids=[*WRITES, *READS])
    def test_where_no_contract_is_everything_says_so(self, standing, act):
        signer = embedded_account("owner")
        nowhere = EthereumSessionLedger(standing.connection, address("node 5"), signer)
        with pytest.raises(UnreachableError, match=f"no split session at {address('node 5')}"):
            act(nowhere)
        assert list(nowhere.events()) == []

    @pytest.mark.parametrize("act", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
    def test_what_the_contract_has_no_room_for_is_refused_in_one_line(self, standing, act):
        with pytest.raises(LedgerError) as caught:
            act(standing.ledger("node 1"))
        assert not isinstance(caught.value, RevertedError)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("text", ["", "node 1", "0x12", "0x" + "g" * 40])
    def test_what_is_no_address_is_refused_by_name(self, standing, text):
        owner = standing.ledger("owner")
        acts = (
            lambda: EthereumSessionLedger(standing.connection, text),
            lambda: owner.register_node(3, text),
            lambda: owner.set_provider(text),
        )
        for act in acts:
            with pytest.raises(LedgerError, match=r"^an address has 0x and 40 hexadecimal digits"):
                act()


def _whole_life(scene: SessionScene) -> list[tuple[str, list[tuple[str, object]]]]:
    """What its events tell, in the contract's order of fields."""
    one, provider, spare = (address(role) for role in ("node 1", PROVIDER, SPARE))
    created = [("plan", PLAN.digest), ("terms", (3, 2))]
    created += [("provider", provider), ("owner", address("owner"))]
    return [
        ("SplitSessionCreated", created),
        ("NodeRegistered", [("nodeId", 1), ("account", one)]),
        ("NodeRegistered", [("nodeId", 2), ("account", address("node 2"))]),
        ("Announced", _said(0, provider)),
        ("Announced", _said(1, one)),
        ("EpochRecorded", _recorded(scene, 1, 469)),
        ("RecordedAlone", _alone(Side.NODE, one, 5)),
        ("RecordedAlone", _alone(Side.PROVIDER, provider, 0)),
        ("RecordedAlone", _alone(Side.PROVIDER, provider, 5)),
        ("EpochRecorded", _recorded(scene, 2, 470)),
        ("HandedOn", _handed(2, 2)),
        ("HandedOn", _handed(EVERYONE, 1)),
        ("ProviderSet", [("provider", spare), ("previous", provider)]),
        ("NodeRemoved", [("nodeId", 2), ("account", address("node 2"))]),
    ]


def _said(node: int, account: str) -> list[tuple[str, object]]:
    keys = [("key", digest("k")), ("certificate", b"certificate")]
    where = [("endpoint", b"127.0.0.1:7000"), ("expires", 2**40 - 1)]
    return [("nodeId", node), ("account", account), *keys, *where]


def _recorded(scene: SessionScene, epoch: int, steps: int) -> list[tuple[str, object]]:
    given = record(1, epoch, steps=steps)
    named = [("nodeId", 1), ("epoch", epoch), ("steps", steps)]
    named += [("root", digest("r")), ("records", digest("f"))]
    named += [("nodeCheckpoint", digest("n")), ("providerCheckpoint", digest("p"))]
    signatures = scene.sign("node 1", given), scene.sign(PROVIDER, given)
    return [*named, ("nodeSignature", signatures[0]), ("providerSignature", signatures[1])]


def _alone(side: Side, by: str, first_difference: int) -> list[tuple[str, object]]:
    said = [("nodeId", 1), ("epoch", 2), ("side", side), ("by", by), ("steps", 469)]
    named = [("root", digest("r")), ("records", digest("f")), ("checkpoint", digest("c"))]
    return [*said, *named, ("firstDifference", first_difference)]


def _handed(to_node: int, epoch: int) -> list[tuple[str, object]]:
    named = [("fromNode", 1), ("toNode", to_node), ("epoch", epoch)]
    return [*named, ("weights", digest("w"))]

"""What every ledger does, whatever chain the contract lives on."""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import Connection, EthereumLedger, deploy_contract
from fl_node.chain.ledger import Ledger
from fl_node.cid import Cid
from fl_node.errors import LedgerError, RevertedError
from fl_node.rounds import Global, Reason, Terms, Update

TERMS = Terms(target=2, quorum=1, round_seconds=1000, grace_seconds=100, rounds=3)
PLAN, INITIAL = Cid(b"p" * 32), Cid(b"0" * 32)
ROLES = ("owner", "header", *(f"node {number}" for number in range(1, 6)))


def cid(letter: str) -> Cid:
    return Cid(letter.encode() * 32)


def address(role: str) -> str:
    return embedded_account(role).address


def update_of(node: int, letter: str = "w", **changes: int) -> Update:
    return replace(Update(node, 1, 0, cid(letter), 10 * node), **changes)


@dataclass(frozen=True)
class Scene:
    """A contract with two nodes on one chain, and everybody's view of it.

    :ivar wait: lets seconds pass on the chain
    """

    connection: Connection
    federation: str
    wait: Callable[[int], None]
    ledgers: dict[str | None, Ledger] = field(default_factory=dict)

    def ledger(self, role: str | None) -> Ledger:
        if role not in self.ledgers:
            self.ledgers[role] = self.own_ledger(role)
        return self.ledgers[role]

    def own_ledger(self, role: str | None) -> Ledger:
        signer = embedded_account(role) if role else None
        return EthereumLedger(self.connection, self.federation, signer)

    def start(self) -> None:
        owner = self.ledger("owner")
        for node in (1, 2):
            owner.register_node(node, address(f"node {node}"))
        owner.set_global_weight(0, INITIAL, None, owner.snapshot().history)

    def submit(self, node: int, letter: str = "w", **changes: int) -> None:
        self.ledger(f"node {node}").set_local_weight(update_of(node, letter, **changes))

    def close(self, number: int = 1, letter: str = "g", role: str = "header") -> None:
        ledger = self.ledger(role)
        ledger.set_global_weight(number, cid(letter), cid("r"), ledger.snapshot().history)


def deployed(connection: Connection, wait: Callable[[int], None], terms: Terms = TERMS) -> Scene:
    owner = embedded_account("owner")
    federation = deploy_contract(connection, owner, PLAN, INITIAL, address("header"), terms)
    return Scene(connection, federation, wait)


@dataclass(frozen=True)
class Refusal:
    """A call that the contract refuses in round 1, in which update "a" of node 1 stands."""

    name: str
    act: Callable[[Scene], None]
    values: Callable[[Scene], tuple[object, ...]]


def set_local_weight(ledger: Ledger) -> None:
    ledger.set_local_weight(update_of(1))


def reject_local_weight(ledger: Ledger) -> None:
    ledger.reject_local_weight(1, 1, cid("a"), Reason.NOT_FINITE)


def set_global_weight(ledger: Ledger) -> None:
    ledger.set_global_weight(1, cid("g"), None, bytes(32))


def attest(ledger: Ledger) -> None:
    ledger.attest(1, 1, cid("g"), bytes(32))


def register_node(ledger: Ledger) -> None:
    ledger.register_node(3, address("node 3"))


def replace_node(ledger: Ledger) -> None:
    ledger.replace_node(2, address("node 3"))


def remove_node(ledger: Ledger) -> None:
    ledger.remove_node(2)


def set_header(ledger: Ledger) -> None:
    ledger.set_header(address("node 1"))


def set_terms(ledger: Ledger) -> None:
    ledger.set_terms(replace(TERMS, target=1))


def extend(ledger: Ledger) -> None:
    ledger.extend(9)


def reopen(ledger: Ledger) -> None:
    ledger.reopen(1)


WRITES = (
    set_local_weight,
    reject_local_weight,
    set_global_weight,
    attest,
    register_node,
    replace_node,
    remove_node,
    set_header,
    set_terms,
    extend,
    reopen,
)


def plan(ledger: Ledger) -> object:
    return ledger.plan()


def owner(ledger: Ledger) -> object:
    return ledger.owner()


def snapshot(ledger: Ledger) -> object:
    return ledger.snapshot()


def member(ledger: Ledger) -> object:
    return ledger.member(1)


def local_weight(ledger: Ledger) -> object:
    return ledger.local_weight(1)


READS = (plan, owner, snapshot, member, local_weight)


def node_too_large(ledger: Ledger) -> None:
    ledger.member(2**32)


def node_below_zero(ledger: Ledger) -> None:
    ledger.local_weight(-1)


def samples_too_large(ledger: Ledger) -> None:
    ledger.set_local_weight(update_of(1, samples=2**64))


def rounds_too_large(ledger: Ledger) -> None:
    ledger.extend(2**32)


def terms_below_zero(ledger: Ledger) -> None:
    ledger.set_terms(replace(TERMS, grace_seconds=-1))


OUT_OF_RANGE = (
    node_too_large,
    node_below_zero,
    samples_too_large,
    rounds_too_large,
    terms_below_zero,
)


def _deadline(scene: Scene) -> int:
    return scene.ledger(None).events()[3].timestamp + TERMS.round_seconds


def _as_owner(act: Callable[[Ledger], None]) -> Callable[[Scene], None]:
    return lambda scene: act(scene.ledger("owner"))


_STRANGE = Terms(**{**vars(TERMS), "target": 9})
_NO_HISTORY = bytes(32)
REFUSED = (
    Refusal(
        "WrongRound",
        lambda scene: scene.submit(1, round=2),
        lambda _: (2, 1),
    ),
    Refusal(
        "NotAccountOfNode",
        lambda scene: scene.ledger("node 2").set_local_weight(update_of(1)),
        lambda _: (1, address("node 2").lower()),
    ),
    Refusal("BaseTooNew", lambda scene: scene.submit(2, base=1), lambda _: (1, 1)),
    Refusal(
        "AlreadySubmitted", lambda scene: scene.submit(1, "b"), lambda _: (1, 1, cid("a").digest)
    ),
    Refusal(
        "NotStanding",
        lambda scene: scene.ledger("header").reject_local_weight(
            2, 1, cid("a"), Reason.NOT_CANONICAL
        ),
        lambda _: (2, 1),
    ),
    Refusal(
        "OtherWeights",
        lambda scene: scene.ledger("header").reject_local_weight(
            1, 1, cid("b"), Reason.NOT_CANONICAL
        ),
        lambda _: (cid("b").digest, cid("a").digest),
    ),
    Refusal(
        "StaleHistory",
        lambda scene: scene.ledger("header").set_global_weight(1, cid("g"), None, _NO_HISTORY),
        lambda scene: (_NO_HISTORY, scene.ledger(None).snapshot().history),
    ),
    Refusal("NotClosable", lambda scene: scene.close(), lambda scene: (1, 2, 1, _deadline(scene))),
    Refusal(
        "NotHeaderOrNode",
        lambda scene: scene.close(role="owner"),
        lambda _: (address("owner").lower(),),
    ),
    Refusal(
        "NotOwner",
        lambda scene: scene.ledger("node 1").extend(9),
        lambda _: (address("node 1").lower(), address("owner").lower()),
    ),
    Refusal("NotLonger", _as_owner(lambda owner: owner.extend(3)), lambda _: (3, 3)),
    Refusal(
        "TermsDoNotFit",
        _as_owner(lambda owner: owner.set_terms(_STRANGE)),
        lambda _: (astuple(_STRANGE), 2),
    ),
    Refusal(
        "RoundsDiffer",
        _as_owner(lambda owner: owner.set_terms(replace(TERMS, rounds=4))),
        lambda _: (4, 3),
    ),
    Refusal("ZeroNodeId", _as_owner(lambda o: o.register_node(0, address("node 3"))), lambda _: ()),
    Refusal(
        "AccountTaken",
        _as_owner(lambda owner: owner.register_node(3, address("node 1"))),
        lambda _: (address("node 1").lower(), 1),
    ),
    Refusal(
        "NodeTaken",
        _as_owner(lambda owner: owner.register_node(1, address("node 3"))),
        lambda _: (1, address("node 1").lower()),
    ),
    Refusal("UnknownNode", _as_owner(lambda owner: owner.remove_node(7)), lambda _: (7,)),
    Refusal(
        "WrongRound",
        lambda scene: scene.ledger("node 1").attest(1, 1, cid("g"), _NO_HISTORY),
        lambda _: (1, 1),
    ),
)


class LedgerBehaviour:
    """Needs the fixtures `make`, which deploys, and `standing`: round 1 with update "a" of node 1.

    Tests of calls that change nothing share the latter.
    """

    @pytest.fixture
    def scene(self, make: Callable[[], Scene]) -> Scene:
        return make()

    @pytest.fixture
    def started(self, scene: Scene) -> Scene:
        scene.start()
        return scene

    def test_a_ledger_knows_plan_owner_and_whose_it_is(self, scene):
        ledger = scene.ledger("node 1")
        assert ledger.plan() == PLAN
        assert ledger.owner() == address("owner")
        assert ledger.account == address("node 1")
        assert ledger.federation == scene.federation
        assert scene.ledger(None).account is None

    def test_an_address_in_small_letters_is_the_same_federation(self, scene):
        ledger = EthereumLedger(scene.connection, scene.federation.lower())
        assert ledger.federation == scene.federation
        assert ledger.plan() == PLAN

    def test_before_the_start_the_snapshot_is_of_round_0(self, scene):
        found = scene.ledger(None).snapshot()
        assert found.round.number == 0
        assert found.latest == Global(0, INITIAL, None)
        assert found.terms == TERMS
        assert found.round.closable_since(found.terms, scene.ledger(None).now()) is None

    def test_the_snapshot_of_a_new_round(self, started):
        ledger = started.ledger(None)
        found, newest = ledger.snapshot(), ledger.events()[-1]
        assert found.terms == TERMS
        assert found.latest == Global(0, INITIAL, None)
        assert found.header == address("header")
        assert found.history == newest.values["history"]
        state = found.round
        assert (state.number, state.opening, state.members, state.received) == (1, 1, 2, 0)
        assert (state.attested, state.opened_at, state.closable_at) == (0, newest.timestamp, 0)
        assert state.final

    def test_the_snapshot_counts_what_stands_and_when_it_was_enough(self, started):
        started.submit(1)
        assert started.ledger(None).snapshot().round.received == 1
        assert started.ledger(None).snapshot().round.closable_at == 0
        started.submit(2)
        state, newest = started.ledger(None).snapshot().round, started.ledger(None).events()[-1]
        assert (state.received, state.closable_at) == (2, newest.timestamp)

    def test_the_snapshot_after_a_close_has_the_global_and_its_report(self, started):
        started.submit(1)
        started.submit(2)
        started.close()
        found = started.ledger(None).snapshot()
        assert found.latest == Global(1, cid("g"), cid("r"))
        assert (found.round.number, found.round.received, found.round.opening) == (2, 0, 2)

    def test_a_global_without_a_report_has_none(self, started):
        started.submit(1)
        started.submit(2)
        header = started.ledger("header")
        header.set_global_weight(1, cid("g"), None, header.snapshot().history)
        assert header.snapshot().latest == Global(1, cid("g"), None)

    def test_a_member_is_looked_up_by_its_number(self, started):
        found = started.ledger(None).member(2)
        assert (found.node, found.account, found.since, found.next_base) == (
            2,
            address("node 2"),
            1,
            0,
        )
        assert started.ledger(None).member(3) is None

    def test_a_later_member_counts_from_the_next_opening(self, started):
        started.ledger("owner").register_node(3, address("node 3"))
        assert started.ledger(None).member(3).since == 2

    def test_a_base_that_was_closed_in_is_used_up(self, started):
        started.submit(1)
        started.submit(2)
        assert started.ledger(None).member(1).next_base == 0
        started.close()
        assert started.ledger(None).member(1).next_base == 1

    def test_a_node_can_be_given_another_account_and_removed(self, started):
        owner = started.ledger("owner")
        owner.register_node(3, address("node 3"))
        owner.replace_node(2, address("node 4"))
        assert owner.member(2).account == address("node 4")
        owner.remove_node(3)
        assert owner.member(3) is None

    def test_a_local_weight_stands_until_it_is_rejected(self, started):
        ledger = started.ledger("node 1")
        assert ledger.local_weight(1) is None
        started.submit(1, "a")
        assert ledger.local_weight(1) == update_of(1, "a")
        assert ledger.local_weight(2) is None
        started.ledger("header").reject_local_weight(1, 1, cid("a"), Reason.NOT_FINITE)
        assert ledger.local_weight(1) is None
        started.submit(1, "b")
        assert ledger.local_weight(1) == update_of(1, "b", attempt=2)

    def test_a_local_weight_does_not_stand_in_the_next_round(self, started):
        started.submit(1)
        started.submit(2)
        started.close()
        assert started.ledger(None).local_weight(1) is None

    def test_the_largest_numbers_come_back_as_they_were(self, started):
        started.submit(1, samples=2**64 - 1)
        assert started.ledger(None).local_weight(1).samples == 2**64 - 1

    def test_events_tell_a_whole_life_in_order(self, started):
        _whole_life(started)
        found = started.ledger(None).events()
        told = [(event.kind, _without_history(event.values)) for event in found]
        assert told == WHOLE_LIFE
        assert [event.block for event in found] == sorted({event.block for event in found})
        times = [event.timestamp for event in found]
        assert times == sorted(times)

    def test_every_event_carries_the_history_and_the_last_one_is_the_contracts(self, started):
        _whole_life(started)
        ledger = started.ledger(None)
        digests = [event.values["history"] for event in ledger.events()]
        assert all(type(digest) is bytes and len(digest) == 32 for digest in digests)
        assert digests[-1] == ledger.snapshot().history
        attested = [event.kind for event in ledger.events()].index("Attested")
        assert digests[attested] == digests[attested - 1]
        assert len(set(digests)) == len(digests) - 1

    def test_events_read_bit_by_bit_are_those_read_at_once(self, started):
        patient = started.own_ledger(None)
        before = patient.events()
        started.submit(1)
        between = patient.events()
        assert patient.events() == between
        started.submit(2)
        started.close()
        assert tuple(patient.events()) == tuple(started.own_ledger(None).events())
        assert [len(before), len(between), len(patient.events())] == [4, 5, 7]
        assert tuple(patient.events())[:4] == tuple(before)

    def test_now_is_when_the_next_block_will_judge(self, started):
        ledger = started.ledger("node 1")
        assert ledger.now() >= ledger.events()[-1].timestamp
        promised = ledger.now()
        started.wait(500)
        assert ledger.now() >= promised + 500
        promised = ledger.now()
        ledger.set_local_weight(update_of(1))
        assert ledger.events()[-1].timestamp >= promised

    def test_terms_change_with_the_next_opening_and_rounds_at_once(self, started):
        owner, other = started.ledger("owner"), replace(TERMS, target=1, round_seconds=7)
        owner.set_terms(other)
        assert owner.snapshot().terms == TERMS
        owner.reopen(1)
        assert owner.snapshot().terms == other
        owner.extend(9)
        assert owner.snapshot().terms == replace(other, rounds=9)

    def test_a_header_is_changed_at_once(self, started):
        started.ledger("owner").set_header(address("node 1"))
        assert started.ledger(None).snapshot().header == address("node 1")

    def test_a_reopened_round_forgets_its_updates(self, started):
        started.submit(1)
        started.ledger("owner").reopen(1)
        ledger = started.ledger(None)
        assert ledger.local_weight(1) is None
        assert (ledger.snapshot().round.received, ledger.snapshot().round.opening) == (0, 2)

    def test_attestations_that_agree_make_a_global_final(self, scene):
        scene = deployed(scene.connection, scene.wait, replace(TERMS, finality=1))
        scene.start()
        assert scene.ledger(None).snapshot().round.final
        scene.submit(1)
        scene.submit(2)
        scene.close()
        assert not scene.ledger(None).snapshot().round.final
        for node, letter, final in ((1, "x", False), (2, "g", True)):
            ledger = scene.ledger(f"node {node}")
            ledger.attest(node, 1, cid(letter), ledger.snapshot().history)
            assert ledger.snapshot().round.final is final
        assert scene.ledger(None).snapshot().round.attested == 1

    @pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
    def test_a_refusal_names_the_contracts_error_and_its_values(self, standing, case):
        before = standing.ledger(None).snapshot()
        with pytest.raises(RevertedError) as caught:
            case.act(standing)
        assert caught.value.name == case.name
        assert caught.value.values == case.values(standing)
        assert str(caught.value).startswith(f"the contract refused the call: {case.name}(")
        assert "\n" not in str(caught.value)
        assert standing.ledger(None).snapshot() == before

    def test_terms_that_contradict_each_other_are_refused_at_deployment(self, scene):
        with pytest.raises(RevertedError) as caught:
            deployed(scene.connection, scene.wait, replace(TERMS, quorum=3))
        assert caught.value.name == "BadTerms"
        assert caught.value.values == (astuple(replace(TERMS, quorum=3)),)

    @pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
    def test_without_an_account_every_write_is_refused_in_one_line(self, standing, write):
        before = standing.ledger(None).events()
        with pytest.raises(LedgerError, match=r"without an account: give a keystore$"):
            write(standing.ledger(None))
        assert standing.ledger(None).events() == before

    @pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
    def test_where_no_contract_is_every_write_is_refused(self, standing, write):
        nowhere = EthereumLedger(standing.connection, address("node 5"), embedded_account("owner"))
        with pytest.raises(LedgerError, match=f"no federation at {address('node 5')} on chain"):
            write(nowhere)

    @pytest.mark.parametrize("read", READS, ids=lambda read: read.__name__)
    def test_where_no_contract_is_every_read_says_so(self, standing, read):
        nowhere = EthereumLedger(standing.connection, address("node 5"))
        with pytest.raises(LedgerError, match=f"no federation at {address('node 5')} on chain"):
            read(nowhere)
        assert list(nowhere.events()) == []

    @pytest.mark.parametrize("act", OUT_OF_RANGE, ids=lambda act: act.__name__)
    def test_what_the_contract_has_no_room_for_is_refused_in_one_line(self, standing, act):
        with pytest.raises(LedgerError) as caught:
            act(standing.ledger("owner"))
        assert not isinstance(caught.value, RevertedError)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("text", ["", "node 1", "0x12", "0x" + "g" * 40, "0x" + "1" * 41])
    def test_what_is_no_address_is_refused_by_name(self, standing, text):
        owner = standing.ledger("owner")
        acts = (
            lambda: EthereumLedger(standing.connection, text),
            lambda: owner.register_node(3, text),
            lambda: owner.replace_node(2, text),
            lambda: owner.set_header(text),
        )
        for act in acts:
            with pytest.raises(LedgerError, match=r"^an address has 0x and 40 hexadecimal digits"):
                act()

    def test_an_account_without_funds_is_refused_in_one_line(self, standing):
        poor = EthereumLedger(standing.connection, standing.federation, embedded_account("poor"))
        with pytest.raises(LedgerError) as caught:
            poor.extend(9)
        assert "\n" not in str(caught.value)
        assert standing.ledger(None).snapshot().terms == TERMS


def _whole_life(started: Scene) -> None:
    """Let every kind of event happen."""
    owner, header, node = (started.ledger(role) for role in ("owner", "header", "node 1"))
    started.submit(1, "a")
    header.reject_local_weight(1, 1, cid("a"), Reason.NOT_FINITE)
    started.submit(1, "b")
    started.submit(2, "c")
    started.close()
    node.attest(1, 1, cid("x"), node.snapshot().history)
    owner.set_header(address("node 5"))
    owner.set_terms(replace(TERMS, target=1))
    owner.extend(4)
    owner.reopen(2)
    owner.register_node(3, address("node 3"))
    owner.replace_node(2, address("node 4"))
    owner.remove_node(3)


def _without_history(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    fields = list(values.items())
    assert fields[-1][0] == "history"
    return fields[:-1]


def _sent(node: int, letter: str, attempt: int) -> tuple[str, list[tuple[str, Any]]]:
    return "LocalWeightSet", [
        ("round", 1),
        ("nodeId", node),
        ("base", 0),
        ("weights", cid(letter).digest),
        ("samples", 10 * node),
        ("attempt", attempt),
    ]


def _global(number: int, letter: str, report: bytes, role: str) -> tuple[str, list[Any]]:
    fields = [("round", number), ("weights", cid(letter).digest), ("report", report)]
    return "GlobalWeightSet", [*fields, ("by", address(role))]


# In the contract's order of fields.
WHOLE_LIFE = [
    (
        "FederationCreated",
        [
            ("plan", PLAN.digest),
            ("initial", INITIAL.digest),
            ("terms", astuple(TERMS)),
            ("header", address("header")),
            ("owner", address("owner")),
        ],
    ),
    ("NodeRegistered", [("nodeId", 1), ("account", address("node 1"))]),
    ("NodeRegistered", [("nodeId", 2), ("account", address("node 2"))]),
    _global(0, "0", bytes(32), "owner"),
    _sent(1, "a", 1),
    (
        "LocalWeightRejected",
        [
            ("round", 1),
            ("nodeId", 1),
            ("weights", cid("a").digest),
            ("reason", Reason.NOT_FINITE),
            ("by", address("header")),
        ],
    ),
    _sent(1, "b", 2),
    _sent(2, "c", 1),
    _global(1, "g", cid("r").digest, "header"),
    ("Attested", [("round", 1), ("nodeId", 1), ("weights", cid("x").digest), ("agrees", False)]),
    ("HeaderSet", [("header", address("node 5")), ("previous", address("header"))]),
    ("TermsSet", [("terms", astuple(replace(TERMS, target=1)))]),
    ("Extended", [("rounds", 4)]),
    ("Reopened", [("round", 2)]),
    ("NodeRegistered", [("nodeId", 3), ("account", address("node 3"))]),
    (
        "NodeReplaced",
        [
            ("nodeId", 2),
            ("account", address("node 4")),
            ("previous", address("node 2")),
            ("withdrew", False),
        ],
    ),
    ("NodeRemoved", [("nodeId", 3), ("account", address("node 3")), ("withdrew", False)]),
]

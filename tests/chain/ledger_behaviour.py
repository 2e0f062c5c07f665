"""What every ledger does, whatever chain the contract lives on."""

from collections.abc import Callable
from dataclasses import astuple, replace

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.errors import LedgerError, RevertedError
from fl_node.rounds import Global, Reason
from tests.chain.ledger_cases import OUT_OF_RANGE, READS, REFUSED, WRITES
from tests.chain.ledger_life import WHOLE_LIFE, whole_life, without_history
from tests.chain.scene import INITIAL, PLAN, TERMS, Scene, address, cid, deployed, update_of


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

    def test_events_tell_awhole_life_in_order(self, started):
        whole_life(started)
        found = started.ledger(None).events()
        told = [(event.kind, without_history(event.values)) for event in found]
        assert told == WHOLE_LIFE
        assert [event.block for event in found] == sorted({event.block for event in found})
        times = [event.timestamp for event in found]
        assert times == sorted(times)

    def test_every_event_carries_the_history_and_the_last_one_is_the_contracts(self, started):
        whole_life(started)
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
        started.wait(3)
        assert ledger.now() >= promised + 3
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

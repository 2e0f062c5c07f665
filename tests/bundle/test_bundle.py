"""A bundle: what goes in comes out, the same each time, and proves what the chain said."""

import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.audit import audit
from fl_node.bundle.read import open_bundle
from fl_node.cid import Cid
from fl_node.errors import (
    BundleError,
    LedgerError,
    ProofError,
    StoreError,
    TooLargeError,
    UnavailableError,
)
from fl_node.rounds import Reason, Terms, Update
from tests.bundle.bundles import members, verified, written
from tests.small_federation import silent, small_federation

SOURCES = Path(__file__).parents[2]


def test_an_audit_of_a_bundle_finds_what_one_of_chain_and_store_finds(file, finished):
    checked = verified(file)
    assert checked.audit == audit(finished.view("stranger"), silent)
    assert checked.audit.ok
    assert len(checked.audit.rounds) == 2


def test_its_events_are_those_of_the_contract(file, finished):
    with open_bundle(file) as bundle:
        assert bundle.ledger.events() == tuple(finished.ledger("stranger").events())
        mine, theirs = bundle.ledger.snapshot(), finished.ledger("stranger").snapshot()
    assert (mine.terms, mine.latest, mine.history, mine.header) == (
        theirs.terms,
        theirs.latest,
        theirs.history,
        theirs.header,
    )
    assert mine.round == theirs.round


def test_the_same_history_gives_the_same_bytes(file, finished, tmp_path):
    written(finished, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_an_earlier_end_gives_what_was_written_then(tmp_path):
    federation = small_federation(tmp_path / "f")
    federation.run_round(1, 2)
    then = written(federation, tmp_path / "then").manifest.head[0]
    federation.run_round(1, 2)
    written(federation, tmp_path / "later", until=then)
    assert (tmp_path / "later").read_bytes() == (tmp_path / "then").read_bytes()


def test_a_light_one_has_plan_and_reports_but_no_weights(file, light_file, finished):
    timeline = finished.timeline()
    reports = {timeline.model(number).report for number in (1, 2)}
    names = [name for name, _ in members(light_file) if name.startswith("store/")]
    assert names == sorted(f"store/{cid}" for cid in {timeline.plan, *reports})
    assert len(members(light_file)) < len(members(file))


def test_a_light_one_is_checked_but_for_the_arithmetic(light_file):
    checked = verified(light_file, light=True)
    assert checked.audit.ok
    assert checked.light
    assert [each.rejections[0].verdict for each in checked.audit.rounds[:1]] == ["unchecked"]


def test_a_whole_one_can_be_checked_lightly(file):
    assert verified(file, light=True).audit.ok


def test_nobody_takes_a_light_one_for_a_whole_one(light_file):
    with pytest.raises(BundleError, match="--light checks all but the arithmetic"):
        verified(light_file)


def test_what_the_store_has_not_is_named(tmp_path):
    federation = small_federation(tmp_path / "f")
    federation.run_round(1, 2)
    lost = federation.timeline().rounds[1].updates[2].weights
    federation.store.drop(lost)
    assert written(federation, tmp_path / "b").manifest.absent == (lost,)
    found = verified(tmp_path / "b").audit
    assert [(each.node, each.reason) for each in found.findings] == [(2, "bytes-erased")]


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_block_anchors_what_came_before_it(file, which):
    with open_bundle(file) as bundle:
        block = {"first": bundle.evidence.genesis, "last": bundle.evidence.head[1]}[which]
    checked = verified(file, anchor=block)
    assert checked.anchored
    assert (checked.events_after_anchor == 0) == (which == "last")


def test_a_history_that_members_had_anchors_it_too(tmp_path):
    federation = small_federation(tmp_path / "f")
    federation.run_round(1, 2)
    history = federation.timeline().history
    model = federation.timeline().model(1)
    federation.ledger("node 1").attest(1, 1, model.weights, history)
    written(federation, tmp_path / "b")
    checked = verified(tmp_path / "b", anchor=history)
    assert (checked.anchored, checked.events_after_anchor) == (True, 0)
    assert checked.history == history


def test_without_an_anchor_its_end_is_open(file):
    assert not verified(file).anchored


def test_an_anchor_that_it_has_not_is_refused(file):
    with pytest.raises(ProofError, match="neither a block nor a history"):
        verified(file, anchor=bytes(31) + b"\1")


def test_a_chain_without_seals_says_so_and_is_refused_where_seals_are_demanded(file):
    assert verified(file).evidence.kind == "unsealed"
    with pytest.raises(ProofError, match="the bundle is unsealed"):
        verified(file, require_clique=True)


def test_more_blocks_than_there_are_cannot_be_asked_for(finished, tmp_path):
    with pytest.raises(LedgerError, match="blocks up to 1000 were asked for"):
        written(finished, tmp_path / "b", until=1000)


def test_a_federation_that_came_later_is_not_there_yet(finished, tmp_path):
    with pytest.raises(LedgerError, match="no federation at"):
        written(finished, tmp_path / "b", until=0)


def test_owners_and_nodes_acts_are_all_proven(tmp_path):
    federation = small_federation(tmp_path / "f", nodes=3, terms=Terms(rounds=2, grace_seconds=1))
    owner = federation.ledger("owner")
    federation.run_round(1, 2, 3)
    owner.replace_node(3, owner.account)
    owner.remove_node(3)
    owner.set_header(federation.ledger("node 1").account)
    owner.set_terms(Terms(quorum=2, rounds=2, grace_seconds=1))
    owner.reopen(2)
    owner.set_header(federation.ledger("header").account)
    federation.run_round(1, 2)
    owner.extend(3)
    written(federation, tmp_path / "b")
    checked = verified(tmp_path / "b").audit
    assert checked.ok
    assert [each.split()[0] for each in checked.owner_acts[3:]] == [
        *("NodeReplaced", "NodeRemoved", "HeaderSet", "TermsSet", "Reopened", "HeaderSet"),
        "Extended",
    ]


def test_verifying_imports_neither_a_chain_nor_keras(file):
    script = (
        "import sys; from pathlib import Path; from aggregator.bundle import audit_bundle\n"
        "assert audit_bundle(Path(sys.argv[1]), progress=print).audit.ok\n"
        "vendors = {'web3', 'eth_tester', 'keras', 'tensorflow', 'requests'}\n"
        "print(sorted(vendors & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(file)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=SOURCES)
    assert said.stdout.splitlines()[-1] == "[]"


WRITES = {
    "an update": lambda ledger: ledger.set_local_weight(Update(1, 1, 0, Cid(bytes(32)), 1)),
    "a rejection": lambda ledger: ledger.reject_local_weight(
        1, 1, Cid(bytes(32)), Reason.NOT_FINITE
    ),
    "a global": lambda ledger: ledger.set_global_weight(1, Cid(bytes(32)), None, b""),
    "a word": lambda ledger: ledger.attest(1, 1, Cid(bytes(32)), b""),
    "a node": lambda ledger: ledger.register_node(1, "0x0"),
    "another account": lambda ledger: ledger.replace_node(1, "0x0"),
    "a removal": lambda ledger: ledger.remove_node(1),
    "a header": lambda ledger: ledger.set_header("0x0"),
    "terms": lambda ledger: ledger.set_terms(Terms()),
    "rounds": lambda ledger: ledger.extend(9),
    "a round": lambda ledger: ledger.reopen(1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_bundles_ledger_is_only_read(file, write):
    with open_bundle(file) as bundle, pytest.raises(LedgerError, match="only read"):
        write(bundle.ledger)


def test_a_bundles_ledger_says_what_the_contract_said(file, finished):
    theirs = finished.ledger("stranger")
    with open_bundle(file) as bundle:
        ledger = bundle.ledger
        assert (ledger.plan(), ledger.owner()) == (theirs.plan(), theirs.owner())
        assert ledger.head() == bundle.evidence.head[1]
        assert ledger.local_weight(1) is None
        assert ledger.settle()
        assert ledger.now() == ledger.events()[-1].timestamp
        with pytest.raises(LedgerError, match="events only"):
            ledger.member(1)


def test_a_bundles_store_is_only_read(file, finished):
    plan = finished.timeline().plan
    with open_bundle(file) as bundle:
        store = bundle.store
        assert store.holds(plan)
        assert Cid.of_bytes(store.read(plan, max_bytes=2**20, timeout_seconds=1)) == plan
        with pytest.raises(TooLargeError):
            store.fetch(plan, max_bytes=3, timeout_seconds=1)
        with pytest.raises(UnavailableError):
            store.fetch(Cid(bytes(32)), max_bytes=3, timeout_seconds=1)
        with pytest.raises(StoreError, match="to be put"):
            store.put([b"more"])
        with pytest.raises(StoreError, match="to be dropped"):
            store.drop(plan)

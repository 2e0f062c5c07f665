"""The embedded chain: its journal gives it back, its clock never runs backwards."""

import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.cid import Cid
from fl_node.errors import LedgerError, RevertedError
from fl_node.rounds import Terms
from tests.small_federation import GENESIS_SECONDS, Clock

OWNER = embedded_account("owner")
SOME = Cid(b"s" * 32)


def deployed(chain):
    return EthereumLedger(
        chain, deploy_contract(chain, OWNER, SOME, SOME, OWNER.address, Terms()), OWNER
    )


def state_of(chain):
    """Head's hash and state root: all of a chain follows from them."""
    head = chain.web3.eth.get_block("latest")
    return head["number"], bytes(head["hash"]), bytes(head["stateRoot"])


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chain.jsonl"


@pytest.fixture
def chain(path, clock):
    return EmbeddedChain.create(path, [OWNER.address], clock)


def test_a_journal_gives_the_same_chain_hash_for_hash(chain, path, clock):
    ledger = deployed(chain)
    clock.seconds += 1000
    ledger.set_header(embedded_account("header").address)
    with pytest.raises(RevertedError):
        ledger.extend(1)  # a refused call is in a block too
    chain.set_time(GENESIS_SECONDS + 5000)
    ledger.extend(9)
    for _ in range(2):  # and so does the one that was loaded
        again = EmbeddedChain.load(path, Clock(7))
        assert state_of(again) == state_of(chain)
        assert tuple(EthereumLedger(again, ledger.federation).events()) == tuple(ledger.events())
        assert again.chain_id == chain.chain_id == ledger.chain_id


def test_a_loaded_chain_goes_on_and_is_loaded_again(chain, path, clock):
    ledger = deployed(chain)
    for rounds in (6, 7):
        again = EmbeddedChain.load(path, clock)
        EthereumLedger(again, ledger.federation, OWNER).extend(rounds)
        assert state_of(EmbeddedChain.load(path, clock)) == state_of(again)
    assert again.web3.eth.block_number == 3
    assert EthereumLedger(again, ledger.federation).snapshot().terms.rounds == 7


def test_a_line_cut_off_by_a_crash_does_not_spoil_what_is_written_after_it(chain, path, clock):
    ledger = deployed(chain)
    ledger.extend(6)
    before = state_of(chain)
    path.write_bytes(path.read_bytes()[:-1])
    ledger = EthereumLedger(EmbeddedChain.load(path, clock), ledger.federation, OWNER)
    assert ledger.snapshot().terms.rounds == 5  # the crash came before anybody was told
    ledger.extend(6)
    again = EmbeddedChain.load(path, clock)
    assert state_of(again) == before
    assert EthereumLedger(again, ledger.federation).snapshot().terms.rounds == 6


def test_a_chain_of_no_transactions_is_loaded(chain, path):
    assert state_of(EmbeddedChain.load(path)) == state_of(chain)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"{}\n", b"not a journal\n", b'{"funded":[]}', b"\xff\xfe\n", b"[1,2]\n"],
)
def test_what_is_no_journal_is_refused_in_one_line(path, content):
    path.write_bytes(content)
    with pytest.raises(LedgerError) as caught:
        EmbeddedChain.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "first",
    [
        {"funded": [], "genesis_seconds": 1},
        {"funded": ["nobody"], "genesis_seconds": 1},
        {"funded": 5, "genesis_seconds": 1},
        {"funded": [OWNER.address]},
    ],
)
def test_a_journal_of_another_kind_is_refused_in_one_line(path, first):
    from fl_node.chain.journal import Journal

    Journal.create(path, first)
    with pytest.raises(LedgerError, match="is no embedded chain's journal"):
        EmbeddedChain.load(path)


def test_a_missing_journal_is_named(path):
    with pytest.raises(LedgerError, match=str(path)):
        EmbeddedChain.load(path)


def test_a_chain_is_not_created_over_another(chain, path):
    deployed(chain)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="there is one"):
        EmbeddedChain.create(path, [OWNER.address])
    assert path.read_bytes() == before


def test_without_a_journal_nothing_is_written(tmp_path, clock):
    chain = EmbeddedChain([OWNER.address], GENESIS_SECONDS, clock)
    deployed(chain)
    assert chain.web3.eth.block_number == 1
    assert list(tmp_path.iterdir()) == []


@contextmanager
def no_room_after(size: int):
    """Let no file of this process grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("room", [0, 1, 100])
def test_what_a_full_disk_did_not_take_did_not_happen(chain, path, clock, room):
    ledger = deployed(chain)
    before = state_of(chain)
    with no_room_after(path.stat().st_size + room), pytest.raises(LedgerError, match="has room"):
        ledger.extend(6)
    assert state_of(chain) == before
    assert ledger.snapshot().terms.rounds == 5
    ledger.extend(7)
    again = EmbeddedChain.load(path, clock)
    assert state_of(again) == state_of(chain)
    assert EthereumLedger(again, ledger.federation).snapshot().terms.rounds == 7


def test_a_second_process_that_writes_is_told_so_and_changes_nothing(chain, path, clock):
    one = deployed(chain)
    other = EthereumLedger(EmbeddedChain.load(path, clock), one.federation, OWNER)
    one.extend(6)
    with pytest.raises(LedgerError, match="another process has written"):
        other.extend(7)
    assert other.snapshot().terms.rounds == 5
    assert state_of(EmbeddedChain.load(path, clock)) == state_of(chain)


def test_now_is_the_timestamp_of_the_next_block(chain, clock):
    deployed(chain)
    for forward in (0, 0, 50, 0.9, -1000):
        clock.seconds += forward
        promised = chain.now()
        deployed(chain)
        assert chain.web3.eth.get_block("latest")["timestamp"] == promised


def test_time_never_stands_still_or_runs_backwards(chain, clock):
    times = []
    for seconds in (100, 100, 50, 0, 200):
        clock.seconds = GENESIS_SECONDS + seconds
        deployed(chain)
        times.append(chain.web3.eth.get_block("latest")["timestamp"] - GENESIS_SECONDS)
    assert times == [100, 101, 102, 103, 200]


def test_a_time_that_was_set_holds_for_one_block(chain, clock):
    chain.set_time(GENESIS_SECONDS + 3600)
    assert chain.now() == GENESIS_SECONDS + 3600
    deployed(chain)
    assert chain.web3.eth.get_block("latest")["timestamp"] == GENESIS_SECONDS + 3600
    assert chain.now() == GENESIS_SECONDS + 3601
    clock.seconds = GENESIS_SECONDS + 9999
    assert chain.now() == GENESIS_SECONDS + 9999


@pytest.mark.parametrize("seconds", [GENESIS_SECONDS, GENESIS_SECONDS - 1, 0])
def test_a_time_that_is_past_cannot_be_set(chain, seconds):
    with pytest.raises(LedgerError, match="try a later time"):
        chain.set_time(seconds)
    assert chain.now() == GENESIS_SECONDS + 1


def test_a_deadline_is_judged_by_the_time_that_was_set(chain):
    ledger = deployed(chain)
    for role in ("node 1", "node 2"):
        ledger.register_node(int(role[-1]), embedded_account(role).address)
    ledger.set_global_weight(0, SOME, None, ledger.snapshot().history)
    opened = ledger.snapshot().round.opened_at
    for late, missing in ((-1, "NotClosable"), (0, "NotClosable")):
        chain.set_time(opened + 3600 + late)
        with pytest.raises(RevertedError) as caught:
            ledger.set_global_weight(1, SOME, None, ledger.snapshot().history)
        assert caught.value.name == missing
        assert caught.value.values == (0, 2, 1, opened + 3600)


def test_accounts_of_roles_are_the_same_everywhere_and_differ():
    assert embedded_account("node 1") == embedded_account("node 1")
    roles = [f"node {number}" for number in range(20)]
    assert len({embedded_account(role).address for role in roles}) == 20


EXTENDS_FOR_EVER = """
import sys
from pathlib import Path
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.ethereum import EthereumLedger

chain = EmbeddedChain.load(Path(sys.argv[1]))
ledger = EthereumLedger(chain, sys.argv[2], embedded_account("owner"))
rounds = ledger.snapshot().terms.rounds
while True:
    rounds += 1
    ledger.extend(rounds)
    print(rounds, flush=True)
"""


def test_sigkill_loses_nothing_that_was_reported_as_done(chain, path, clock):
    ledger = deployed(chain)
    reported = _killed_after(5, path, ledger.federation)
    again = EmbeddedChain.load(path, clock)
    found = EthereumLedger(again, ledger.federation).snapshot().terms.rounds
    assert reported <= found <= reported + 1
    assert again.web3.eth.block_number == 1 + found - 5


def _killed_after(lines: int, path: Path, federation: str) -> int:
    command = [sys.executable, "-c", EXTENDS_FOR_EVER, str(path), federation]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    return told[-1]

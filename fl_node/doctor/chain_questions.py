"""Questions to the chain: daemon, genesis, peers, sealing, sync, contract, clock."""

import time

from fl_node.chain.accounts import lock_account
from fl_node.chain.runtime import is_federation
from fl_node.chain.transfer import transfer
from fl_node.connect import open_signer
from fl_node.doctor.check import Finding, Question
from fl_node.doctor.patient import Patient
from fl_node.errors import KeystoreError
from fl_node.network.daemons import GETH

_VANITY_BYTES, _SEAL_BYTES, _ADDRESS_BYTES = 32, 65, 20  # of a Clique genesis' extra data
_POLL_SECONDS = 0.05
# A block's time is a whole second, and its content may be fixed a period before it is sealed.
_TOLERATED_SECONDS = 2.0
_USUAL_PERIOD_SECONDS = 1


def _daemon(patient: Patient) -> Finding:
    client = patient.vitals.client()
    found = f"{client} at {patient.settings.chain}"
    if patient.in_network and f"/v{GETH.version}-" not in client:
        return Finding(
            f"{found}, where a private network has {GETH.name} {GETH.version}",
            ok=False,
            try_=f"unset {GETH.variable}, then restart the daemons",
        )
    return Finding(found)


def _genesis(patient: Patient) -> Finding:
    chain_id, genesis = patient.vitals.chain_id(), patient.vitals.genesis()
    found = f"chain {chain_id}, genesis 0x{genesis.digest.hex()[:16]}…"
    if not patient.in_network:
        return Finding(found)
    network = patient.network
    if chain_id != network.chain_id:
        return Finding(f"{found}, where the network has chain {network.chain_id}", ok=False)
    if _sealers(genesis.extra) != sorted(_digits(each) for each in network.sealers):
        return Finding(f"{found}, whose sealers are not the network's", ok=False)
    return Finding(f"{found}, {len(network.sealers)} sealers as in network.json")


def _peers(patient: Patient) -> Finding:
    others = len(patient.network.others(patient.host.name))
    found = patient.vitals.peers()
    return Finding(f"connected with {found} of {others} other hosts", ok=found >= others)


def _sync(patient: Patient) -> Finding:
    newest, behind = patient.vitals.newest(), patient.vitals.blocks_behind()
    if behind:
        return Finding(f"at block {newest.number:,}, {behind:,} blocks behind", ok=False)
    return Finding(f"in step at block {newest.number:,}")


def _sealing(patient: Patient) -> Finding:
    """Wait for the next block: its time would be by another clock."""
    seconds = 3.0 * patient.network.period_seconds + 1
    first, started = patient.vitals.newest(), time.monotonic()
    while (waited := time.monotonic() - started) < seconds:
        newest = patient.vitals.newest()
        if newest.digest != first.digest:
            return Finding(f"block {newest.number:,} came after {waited:.1f} s")
        time.sleep(_POLL_SECONDS)
    return Finding(f"no block after {first.number:,} within {seconds:.0f} s", ok=False)


def _contract(patient: Patient) -> Finding:
    address = patient.settings.federation
    code = patient.vitals.code(address)
    if not code:
        return Finding(f"there is no contract at {address}", ok=False)
    if not is_federation(code):
        return Finding(f"{address} holds {len(code):,} bytes of another contract", ok=False)
    return Finding(f"{address} holds this version's contract, {len(code):,} bytes")


def _clock(patient: Patient) -> Finding:
    """Compare this machine's clock with a block's that was just made."""
    if patient.embedded:
        return Finding("the chain lives in this process and goes by this machine's clock")
    if _is_fresh(patient, age := _age_seconds(patient)):
        return Finding(f"the newest block is {age:.1f} s old")
    signer = open_signer(patient.home, patient.settings)
    try:
        with lock_account(signer.address):
            before = time.time()
            mined = transfer(patient.chain, signer, signer.address, 0)
            after = time.time()
    except KeystoreError:
        return Finding(
            f"not measured, because a role signs as {signer.address}; the newest block is "
            f"{age:.1f} s old"
        )
    apart = apart_seconds(before, after, mined.timestamp, _period_seconds(patient))
    if apart == 0:
        return Finding("a block made now has this clock's time")
    found = f"a block made now is at least {apart:.1f} s away from this clock's time"
    return Finding(found, ok=apart <= _TOLERATED_SECONDS)


def _quick_clock(patient: Patient) -> Finding:
    """Compare with the newest block's, which tells little where blocks are made on demand."""
    if patient.embedded:
        return _clock(patient)
    age = _age_seconds(patient)
    if age < -_TOLERATED_SECONDS:
        return Finding(f"the newest block is {-age:.1f} s in this clock's future", ok=False)
    if patient.in_network and age > 3 * _period_seconds(patient) + 1:
        return Finding(f"the newest block is {age:.1f} s old, or this clock is fast", ok=False)
    return Finding(f"the newest block is {age:.1f} s old")


def apart_seconds(before: float, after: float, timestamp: int, period_seconds: int) -> float:
    """Say how far a clock and a chain's are apart at least; 0 where they may be equal.

    :param before: by the clock, when the transaction was sent
    :param after: by the clock, when its block was there
    :param timestamp: that block's
    """
    return max(0.0, timestamp - after, before - period_seconds - timestamp)


def _age_seconds(patient: Patient) -> float:
    return time.time() - patient.vitals.newest().timestamp


def _is_fresh(patient: Patient, age_seconds: float) -> bool:
    """Only a chain that seals all the time has a clock between transactions."""
    return patient.in_network and 0 <= age_seconds < 2 * _period_seconds(patient)


def _period_seconds(patient: Patient) -> int:
    return patient.network.period_seconds if patient.in_network else _USUAL_PERIOD_SECONDS


def _sealers(extra: bytes) -> list[str]:
    """Read the sealers from a genesis' extra data (EIP-225)."""
    listed = extra[_VANITY_BYTES:-_SEAL_BYTES]
    places = range(0, len(listed), _ADDRESS_BYTES)
    return [listed[place : place + _ADDRESS_BYTES].hex() for place in places]


def _digits(address: str) -> str:
    return address.lower().removeprefix("0x")


_START = "start the daemons: flnode devnet up, or ./start on the host"
_SYNCHRONISE = "see that the other hosts' clocks and this one's are kept by NTP"

CHAIN = Question("chain", _daemon, f"{_START}; else correct 'chain'")
GENESIS = Question(
    "genesis", _genesis, "see that network.json and the chain are of one network", ("chain",)
)
PEERS = Question(
    "peers",
    _peers,
    "see that the other hosts run, and that their p2p ports are reachable",
    ("chain", "genesis"),
)
SYNC = Question("sync", _sync, "wait; it takes seconds per thousand blocks", ("chain",))
SEALING = Question(
    "sealing", _sealing, "see that more than half of the sealing hosts run", ("chain",)
)
CONTRACT = Question(
    "contract",
    _contract,
    "correct 'federation' in flnode.toml, or install the version that deployed it",
    ("chain", "sync"),
)
CLOCK = Question("clock", _clock, _SYNCHRONISE, ("chain", "sealing"))
QUICK_CLOCK = Question("clock", _quick_clock, _SYNCHRONISE, ("chain",))

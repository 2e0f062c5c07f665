"""Questions to the store: daemon, swarm key, peers, and a block that goes around."""

import os
import secrets
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from fl_node.cid import Cid
from fl_node.doctor.check import Finding, Question
from fl_node.doctor.patient import Patient, api_of, store_apart
from fl_node.errors import StoreError, StoreUnreachableError
from fl_node.network import kubo
from fl_node.network.daemons import IPFS
from fl_node.network.folder import require_swarm_key
from fl_node.store.store import Store

_OTHERS = 0o077
_MEBIBYTE = 2**20
_TEST_BYTES = 1024
_TEST_SECONDS = 10.0


def _daemon(patient: Patient) -> Finding:
    if not patient.api:
        return _folder(patient)
    state = patient.kubo.state()
    found = f"Kubo {state.version} at {patient.api}, {state.repo_bytes / _MEBIBYTE:.1f} MiB stored"
    if patient.in_network and state.version != IPFS.version:
        return Finding(
            f"{found}, where a private network has Kubo {IPFS.version}",
            ok=False,
            try_=f"unset {IPFS.variable}, then restart the daemons",
        )
    return Finding(found)


def _quick_daemon(patient: Patient) -> Finding:
    if not patient.api:
        return _folder(patient)
    return Finding(f"{patient.api} answers, with {len(patient.peers)} peers")


def _folder(patient: Patient) -> Finding:
    place = patient.home / patient.settings.store.partition(":")[2]
    if not place.is_dir():
        return Finding(f"there is no folder {place}", ok=False)
    return Finding(f"the folder {place}", ok=os.access(place, os.R_OK | os.W_OK | os.X_OK))


def _swarm_key(patient: Patient) -> Finding:
    require_swarm_key(patient.network, patient.home)
    path = patient.home / kubo.FOLDER / kubo.SWARM_KEY
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        return Finding(
            f"{path} can be read by others (mode {mode:o})", ok=False, try_=f"chmod 600 {path}"
        )
    return Finding(f"the network's, SHA-256 {patient.network.swarm_key[:16]}…")


def _peers(patient: Patient) -> Finding:
    connected = {peer.id for peer in patient.peers}
    if not patient.in_network:
        return Finding(f"connected with {len(connected)} nodes", ok=bool(connected))
    others = patient.network.others(patient.host.name)
    away = [host.name for host in others if host.peer_id not in connected]
    here = [host.name for host in others if host.peer_id in connected]
    if away:
        return Finding(f"not connected with {', '.join(away)}", ok=False)
    return Finding(f"connected with {', '.join(here)}")


def _quick_peers(patient: Patient) -> Finding:
    return Finding(f"connected with {len(patient.peers)} nodes", ok=bool(patient.peers))


def _test_block(patient: Patient) -> Finding:
    """Store random bytes, have every other daemon of this machine fetch them, forget them."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flnode-doctor-")))
        own: Store = store_apart(patient.api, scratch / "own") if patient.api else patient.store
        started = time.monotonic()
        cid = own.put([secrets.token_bytes(_TEST_BYTES)])
        stack.callback(_forget, own, cid)
        others = _other_stores(patient, scratch)
        if not others:
            again = store_apart(patient.api, scratch / "again") if patient.api else own
            _fetch(again, cid)
            return Finding(f"stored and read back{_connected(patient)}")
        fetched = _fetched_by(others, cid)
        seconds = time.monotonic() - started
    if not fetched:
        return Finding(f"no daemon of {', '.join(others)} answers", ok=False)
    return Finding(f"stored here, fetched by {', '.join(fetched)} within {seconds:.2f} s")


def _other_stores(patient: Patient, scratch: Path) -> dict[str, Store]:
    apis = {name: api_of(settings) for name, settings in patient.neighbours.items()}
    return {name: store_apart(api, scratch / name) for name, api in apis.items() if api}


def _fetched_by(others: Mapping[str, Store], cid: Cid) -> list[str]:
    """Name those who could fetch it; one whose daemon is away is examined by its own doctor."""
    fetched = []
    for name, store in others.items():
        with suppress(StoreUnreachableError):
            _fetch(store, cid)
            _forget(store, cid)
            fetched.append(name)
    return fetched


def _fetch(store: Store, cid: Cid) -> None:
    store.fetch(cid, max_bytes=_TEST_BYTES, timeout_seconds=_TEST_SECONDS)


def _forget(store: Store, cid: Cid) -> None:
    with suppress(StoreError, StoreUnreachableError):
        store.drop(cid)


def _connected(patient: Patient) -> str:
    if not patient.api:
        return ""
    known = (
        {host.peer_id: host.name for host in patient.network.hosts} if patient.in_network else {}
    )
    named = [known.get(peer.id, peer.id) for peer in patient.peers]
    return f"; connected are {', '.join(named) or 'no others'}"


STORE = Question(
    "store",
    _daemon,
    "start the daemons: flnode devnet up, or ./start on the host; else correct 'store'",
)
QUICK_STORE = Question("store", _quick_daemon, STORE.try_)
SWARM_KEY = Question(
    "swarm key", _swarm_key, "copy swarm.key from where the network was made into the host's ipfs/"
)
_REACH = "see that the other hosts run with the same swarm key, and that their ports are reachable"
SWARM = Question("swarm", _peers, _REACH, ("store",))
QUICK_SWARM = Question("swarm", _quick_peers, _REACH, ("store",))
TEST_BLOCK = Question(
    "test block", _test_block, "see the daemons' logs: flnode devnet logs", ("store",)
)

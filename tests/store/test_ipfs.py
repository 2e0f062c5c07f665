"""What is particular to a store that is a Kubo daemon, on real daemons."""

import hashlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

import pytest

from fl_node.cid import CHUNK_BYTES, Cid
from fl_node.errors import (
    DigestMismatchError,
    StoreError,
    StoreUnreachableError,
    TooLargeError,
    UnavailableError,
)
from fl_node.network.kubo import new_swarm_key
from fl_node.store.ipfs import IpfsStore
from tests.store.kubo_node import KuboNode, free_port

MEGABYTE = 1_000_000
MAX_RESIDENT_MEBIBYTES = 200


def content_of(label: str, size: int) -> bytes:
    return hashlib.shake_256(label.encode()).digest(size)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def has_block(node: KuboNode, cid: Cid) -> bool:
    try:
        node.call(f"block/stat?arg={cid}&offline=true")
    except HTTPError:
        return False
    return True


def when(condition: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Do something in the background as soon as it is time for it."""

    def wait_and_act() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.002)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def megabytes_begun(cache: Path, megabytes: int) -> Callable[[], bool]:
    def begun() -> bool:
        staged = (cache / "incoming").glob("*")
        return any(path.stat().st_size >= megabytes * MEGABYTE for path in staged)

    return begun


def test_what_one_node_puts_another_fetches_and_keeps(swarm, tmp_path):
    one, two = swarm
    giver, taker = IpfsStore(one.api, tmp_path / "one"), IpfsStore(two.api, tmp_path / "two")
    content = content_of("kept", 3 * MEGABYTE)
    cid = giver.put([content])
    assert giver.holds(cid)
    assert not taker.holds(cid)
    path = taker.fetch(cid, max_bytes=len(content), timeout_seconds=20)
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o444
    assert taker.holds(cid)
    one.kill()
    two.call("repo/gc")
    again = IpfsStore(two.api, tmp_path / "emptied cache")
    assert again.read(cid, max_bytes=len(content), timeout_seconds=5) == content


def test_what_was_fetched_is_read_without_the_daemon(tmp_path, lone_node):
    cid = IpfsStore(lone_node.api, tmp_path).put([b"read again"])
    away = IpfsStore(f"/ip4/127.0.0.1/tcp/{free_port()}", tmp_path)
    assert away.read(cid, max_bytes=10, timeout_seconds=1) == b"read again"


def test_a_peer_that_is_not_connected_is_connected_first(swarm, tmp_path):
    one, two = swarm
    cid = IpfsStore(one.api, tmp_path / "one").put([b"behind a lost connection"])
    two.call(f"swarm/disconnect?arg=/p2p/{one.id}")
    taker = IpfsStore(two.api, tmp_path / "two")
    started = time.monotonic()
    assert taker.read(cid, max_bytes=100, timeout_seconds=20) == b"behind a lost connection"
    assert time.monotonic() - started < 4  # the daemon itself waits 5 s


def test_bytes_that_are_nowhere_are_unavailable_when_time_is_up(swarm, tmp_path):
    store = IpfsStore(swarm[0].api, tmp_path)
    absent = Cid.of_bytes(b"nowhere")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=rf"{absent} .* 1\.\d s; .* 1 peers .* 0 away"):
        store.fetch(absent, max_bytes=100, timeout_seconds=1.2)
    assert 1.2 <= time.monotonic() - started < 4
    assert files_in(tmp_path) == []


def test_a_node_that_is_alone_says_so(swarm, tmp_path):
    one, two = swarm
    one.kill()
    with pytest.raises(StoreUnreachableError, match="has 0 peers connected and 1 away"):
        IpfsStore(two.api, tmp_path).fetch(
            Cid.of_bytes(b"nowhere"), max_bytes=9, timeout_seconds=0.5
        )


def test_a_file_that_is_too_large_is_not_read_on(swarm, tmp_path):
    one, two = swarm
    content = content_of("large", 20 * MEGABYTE)
    cid = IpfsStore(one.api, tmp_path / "one").put([content])
    taker = IpfsStore(two.api, tmp_path / "two")
    with pytest.raises(TooLargeError, match=f"{cid} has more than the 1000000 bytes"):
        taker.fetch(cid, max_bytes=MEGABYTE, timeout_seconds=20)
    assert files_in(tmp_path / "two") == []
    assert not taker.holds(cid)
    assert taker.fetch(cid, max_bytes=len(content), timeout_seconds=20).stat().st_size == len(
        content
    )


def test_a_part_of_a_file_is_not_held(swarm, tmp_path):
    one, two = swarm
    content = content_of("part", 3 * MEGABYTE)
    cid = IpfsStore(one.api, tmp_path / "one").put([content])
    two.run("cat", "--length=600000", str(cid))
    one.kill()
    taker = IpfsStore(two.api, tmp_path / "two")
    assert has_block(two, cid)
    assert not taker.holds(cid)
    with pytest.raises(StoreUnreachableError, match=str(cid)):
        taker.fetch(cid, max_bytes=len(content), timeout_seconds=1)
    one.start()
    assert taker.read(cid, max_bytes=len(content), timeout_seconds=30) == content
    assert taker.holds(cid)


@pytest.mark.parametrize("killed", ["the asking daemon", "the giving daemon"])
def test_a_daemon_killed_in_mid_fetch_and_started_again_goes_on(swarm, tmp_path, killed):
    one, two = swarm
    content = content_of(killed, 80 * MEGABYTE)
    cid = IpfsStore(one.api, tmp_path / "one").put([content])
    taker = IpfsStore(two.api, tmp_path / "two")
    victim = two if killed == "the asking daemon" else one

    finished: list[Path] = []

    def crash() -> None:
        finished.extend((tmp_path / "two").rglob("Qm*"))
        victim.kill()
        victim.start()

    crashing = when(megabytes_begun(tmp_path / "two", 2), crash)
    path = taker.fetch(cid, max_bytes=len(content), timeout_seconds=60)
    crashing.join()
    assert finished == []
    assert path.read_bytes() == content
    assert taker.holds(cid)
    two.call("repo/verify")


def test_a_restart_of_the_daemon_is_waited_for(swarm, tmp_path):
    one, _ = swarm
    store = IpfsStore(one.api, tmp_path)
    one.kill()
    started = when(lambda: True, one.start)
    cid = store.put([b"stored after a restart"])
    started.join()
    assert store.holds(cid)


AWAY = {
    "put": lambda store, cid: store.put([b"x"]),
    "fetch": lambda store, cid: store.fetch(cid, max_bytes=9, timeout_seconds=5),
    "holds": lambda store, cid: store.holds(cid),
    "drop": lambda store, cid: store.drop(cid),
    "state": lambda store, cid: store.state(),
}


@pytest.mark.parametrize("act", AWAY.values(), ids=AWAY)
def test_a_daemon_that_is_away_is_named_and_says_nothing_of_the_bytes(tmp_path, act):
    api = f"/ip4/127.0.0.1/tcp/{free_port()}"
    store = IpfsStore(api, tmp_path, pauses_seconds=(0.01, 0.01))
    with pytest.raises(StoreUnreachableError, match=rf"{api} .*refused.*make devnet-status"):
        act(store, Cid.of_bytes(b"anything"))
    assert files_in(tmp_path) == []


def test_a_daemon_that_hangs_is_away_too(swarm, tmp_path):
    one, _ = swarm
    assert one.process is not None
    one.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnreachableError, match="not done in time"):
            IpfsStore(one.api, tmp_path).fetch(
                Cid.of_bytes(b"nowhere"), max_bytes=9, timeout_seconds=0.5
            )
    finally:
        one.process.send_signal(signal.SIGCONT)


def test_dropped_bytes_are_gone_after_the_garbage_collection(tmp_path, lone_node):
    store = IpfsStore(lone_node.api, tmp_path)
    dropped, kept = store.put([b"dropped"]), store.put([b"kept"])
    store.drop(dropped)
    lone_node.call("repo/gc")
    assert not has_block(lone_node, dropped)
    assert store.holds(kept)
    assert [path.name for path in files_in(tmp_path)] == [str(kept)]


def test_a_damaged_file_in_the_folder_is_replaced_by_the_daemons(tmp_path, lone_node):
    store = IpfsStore(lone_node.api, tmp_path)
    path = store.fetch(store.put([b"content"]), max_bytes=7, timeout_seconds=5)
    path.chmod(0o644)
    path.write_bytes(b"Content")
    assert store.read(Cid.of_bytes(b"content"), max_bytes=7, timeout_seconds=5) == b"content"


def test_a_folder_is_no_file(tmp_path, lone_node):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"x")
    cid = Cid.parse(lone_node.run("add", "-Qr", "--cid-version=0", str(tmp_path / "folder")))
    with pytest.raises(UnavailableError, match=f"no file to read as {cid}: .* is a directory"):
        IpfsStore(lone_node.api, tmp_path / "cache").fetch(cid, max_bytes=9, timeout_seconds=5)


def test_a_block_that_is_nothing_is_no_file(tmp_path, lone_node):
    cid = Cid.parse(lone_node.run("block", "put", "--format=v0", content=b"\x0a\x02\x08\x09"))
    with pytest.raises(UnavailableError, match=f"no file to read as {cid}"):
        IpfsStore(lone_node.api, tmp_path / "cache").fetch(cid, max_bytes=9, timeout_seconds=5)


def node_of(links: list[tuple[str, int]], file_bytes: int) -> bytes:
    """Encode a UnixFS file's root (dag-pb) that says what we want; all numbers under 128."""
    encoded = b""
    for cid, size in links:
        link = b"\x0a\x22\x12\x20" + Cid.parse(cid).digest + b"\x12\x00\x18" + bytes([size])
        encoded += b"\x12" + bytes([len(link)]) + link
    sizes = b"".join(b"\x20" + bytes([size]) for _, size in links)
    data = b"\x08\x02\x18" + bytes([file_bytes]) + sizes
    return encoded + b"\x0a" + bytes([len(data)]) + data


@pytest.mark.parametrize("trick", ["a part that is nothing", "more announced than there is"])
def test_a_file_that_cannot_be_read_to_its_end_is_unavailable(tmp_path, lone_node, trick):
    def block(content: bytes) -> str:
        return lone_node.run("block", "put", "--format=v0", content=content)

    good = lone_node.run("add", "-Q", "--cid-version=0", content=b"good")
    if trick == "a part that is nothing":
        root = block(node_of([(good, 4), (block(b"\x0a\x02\x08\x09"), 4)], 8))
    else:
        root = block(node_of([(good, 4)], 100))
    store = IpfsStore(lone_node.api, tmp_path, pauses_seconds=(0.01, 0.01))
    with pytest.raises(UnavailableError, match=root):
        store.fetch(Cid.parse(root), max_bytes=1000, timeout_seconds=5)


def test_bytes_stored_in_another_layout_have_another_name(tmp_path, lone_node):
    content = content_of("layout", 5000)
    other = lone_node.run("add", "-Q", "--cid-version=0", "--chunker=size-1000", content=content)
    store = IpfsStore(lone_node.api, tmp_path)
    with pytest.raises(DigestMismatchError, match=f"{other} .* {Cid.of_bytes(content)}"):
        store.fetch(Cid.parse(other), max_bytes=5000, timeout_seconds=5)
    assert files_in(tmp_path) == []
    assert not store.holds(Cid.of_bytes(content))


def test_names_do_not_depend_on_the_daemons_import_settings(tmp_path):
    node = KuboNode(tmp_path / "repo", new_swarm_key()).create()
    node.run("config", "profile", "apply", "unixfs-v1-2025")
    try:
        node.start()
        store = IpfsStore(node.api, tmp_path / "cache")
        content = content_of("settings", 50 * MEGABYTE)  # more than 174 chunks
        assert store.put([content]) == Cid.of_bytes(content)
        assert store.holds(Cid.of_bytes(content))
    finally:
        node.kill()


def test_a_daemon_says_what_it_is_and_whom_it_knows(swarm, tmp_path):
    one, two = swarm
    store = IpfsStore(one.api, tmp_path)
    before = store.state()
    assert (before.id, before.version) == (one.id, "0.40.1")
    assert before.addresses == (f"{one.swarm_address}/p2p/{one.id}",)
    assert [peer.id for peer in before.peers] == [two.id]
    assert [(peer.id, peer.addresses) for peer in before.peering] == [
        (two.id, (two.swarm_address,))
    ]
    store.put([content_of("size", MEGABYTE)])
    assert before.repo_bytes + MEGABYTE <= store.state().repo_bytes <= before.max_repo_bytes


@pytest.mark.parametrize("api", ["", "127.0.0.1:5001", "/ip4/127.0.0.1", "/ip4/x/tcp/1", "/unix/x"])
def test_an_address_that_is_none_is_refused(tmp_path, api):
    with pytest.raises(StoreError, match=rf"such as /ip4/127.0.0.1/tcp/5001, found '{api}'"):
        IpfsStore(api, tmp_path)


BIG = """
import sys
from pathlib import Path
from fl_node.cid import CHUNK_BYTES
from fl_node.store.ipfs import IpfsStore
giver, taker = (IpfsStore(api, Path(folder)) for api, folder in (sys.argv[1:3], sys.argv[3:5]))
rest = bytes(CHUNK_BYTES - 8)
cid = giver.put(number.to_bytes(8, "big") + rest for number in range(1908))  # no two equal
path = taker.fetch(cid, max_bytes=2**29, timeout_seconds=300)
(peak,) = [line for line in Path("/proc/self/status").open() if line.startswith("VmHWM:")]
print(path.stat().st_size, int(peak.split()[1]) // 1024)
"""


@pytest.mark.slow
def test_half_a_gigabyte_goes_through_in_bounded_memory(swarm, tmp_path):
    one, two = swarm
    command = [sys.executable, "-c", BIG, one.api, tmp_path / "one", two.api, tmp_path / "two"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size, resident_mebibytes = map(int, done.stdout.split())
    assert size == 1908 * CHUNK_BYTES
    assert resident_mebibytes <= MAX_RESIDENT_MEBIBYTES

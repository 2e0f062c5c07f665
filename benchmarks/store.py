"""A weights file through two Kubo nodes: put on one, fetched by the other, read again there.

Putting and fetching include what the store adds to Kubo: the file in its own folder, synced to the
disk, and the CID computed from every byte. Memory is that of this process alone, not the daemons'.
"""

import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fl_node.cid import CHUNK_BYTES
from fl_node.network.kubo import new_swarm_key
from fl_node.store.ipfs import IpfsStore
from tests.store.kubo_node import KuboNode

REPEATS_BY_BYTES = {2_479_000: 21, 500_000_000: 3}  # the paper's model, and the largest promised
TIMEOUT_SECONDS = 600


@contextmanager
def two_nodes(folder: Path) -> Iterator[tuple[KuboNode, KuboNode]]:
    """Run two daemons that know each other."""
    key = new_swarm_key()
    giver, taker = (KuboNode(folder / name, key).create() for name in ("giver", "taker"))
    taker.know([giver])
    try:
        giver.start()
        taker.start()
        yield giver, taker
    finally:
        giver.kill()
        taker.kill()


def pieces(size: int, label: int) -> Iterator[bytes]:
    """Make content of which no node has a chunk yet, without holding it."""
    block = bytes(range(256)) * (CHUNK_BYTES // 256)
    for start in range(0, size, CHUNK_BYTES):
        head = size.to_bytes(8, "big") + label.to_bytes(8, "big") + start.to_bytes(8, "big")
        yield (head + block)[: min(CHUNK_BYTES, size - start)]


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """Give what it takes, in seconds, and what it gives."""
    started = time.perf_counter()
    found = act()
    return time.perf_counter() - started, found


def once(giver: IpfsStore, taker: IpfsStore, size: int, label: int) -> dict[str, float]:
    """Put, fetch, fetch again, ask; gives the seconds of each."""

    def fetch() -> Path:
        return taker.fetch(cid, max_bytes=size, timeout_seconds=TIMEOUT_SECONDS)

    put, cid = timed(lambda: giver.put(pieces(size, label)))
    fetched, again = timed(fetch)[0], timed(fetch)[0]
    held, _ = timed(lambda: taker.holds(cid))
    giver.drop(cid)
    taker.drop(cid)
    return {"put": put, "fetch": fetched, "fetch_again": again, "holds": held}


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Give the median of each step."""
    return {step: round(statistics.median(run[step] for run in runs), 4) for step in runs[0]}


def main() -> None:
    """Print medians by size, and the most memory that was needed."""
    seconds = {}
    with tempfile.TemporaryDirectory() as name, two_nodes(Path(name)) as nodes:
        giver, taker = (IpfsStore(node.api, node.place / "cache") for node in nodes)
        for size, repeats in REPEATS_BY_BYTES.items():
            seconds[size] = medians([once(giver, taker, size, run) for run in range(repeats)])
    resident_mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures = {"seconds_by_bytes": seconds, "resident_mebibytes": resident_mebibytes}
    print(json.dumps({"benchmark": "store", "nodes": 2} | figures))


if __name__ == "__main__":
    main()

"""``flnode devnet up`` from nothing and again, and what six idle daemons cost.

Binaries are built or found first: their build is no part of a figure.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fl_node.network.build import find_daemon
from fl_node.network.daemons import GETH, IPFS
from fl_node.network.devnet import reset
from fl_node.network.supervision import processes

MAX_SECONDS, MAX_MIB, MAX_CORE_PERCENT = 6.0, 350, 3.0
RUNS = 5
COMMAND = [sys.executable, "-c", "from fl_node.network.command import devnet; devnet()", "up"]


def main() -> None:
    """Print one line of JSON a figure."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--idle-seconds", type=float, default=60.0)
    idle_seconds = arguments.parse_args().idle_seconds
    for daemon in (GETH, IPFS):
        find_daemon(daemon, lambda line: print(line, file=sys.stderr))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "devnet"
        made, again = [], []
        for run in range(RUNS):
            made.append(up_seconds(folder))
            again.append(up_seconds(folder))
            if run < RUNS - 1:
                reset(folder)
        try:
            show("devnet up from nothing", made, MAX_SECONDS)
            show("devnet up again", again, None)
            show_idle(folder, idle_seconds)
        finally:
            reset(folder)


def up_seconds(folder: Path) -> float:
    """Time the command as one types it, with the start of its interpreter."""
    started = time.perf_counter()
    subprocess.run([*COMMAND, "--folder", str(folder), "--json"], check=True, capture_output=True)
    return time.perf_counter() - started


def show(name: str, seconds: list[float], limit: float | None) -> None:
    """Print the median of some runs."""
    median = statistics.median(seconds)
    figure = {
        "benchmark": name,
        "seconds": round(median, 2),
        "runs_seconds": [round(each, 2) for each in seconds],
    }
    if limit is not None:
        figure |= {"limit_seconds": limit, "ok": median <= limit}
    print(json.dumps(figure), flush=True)


def show_idle(folder: Path, seconds: float) -> None:
    """Print memory and processor time of the six daemons while nothing is asked of them."""
    pids = [each.pid for each in processes(folder)]
    before, started = sum(map(cpu_seconds, pids)), time.perf_counter()
    time.sleep(seconds)
    percent = 100 * (sum(map(cpu_seconds, pids)) - before) / (time.perf_counter() - started)
    mib = sum(memory_kib(pid, "Pss") for pid in pids) / 1024
    resident = sum(memory_kib(pid, "Rss") for pid in pids) / 1024
    figure = {
        "benchmark": "six idle daemons",
        "mib": round(mib),
        "limit_mib": MAX_MIB,
        "resident_mib": round(resident),
        "core_percent": round(percent, 2),
        "limit_core_percent": MAX_CORE_PERCENT,
        "ok": mib <= MAX_MIB and percent <= MAX_CORE_PERCENT,
    }
    print(json.dumps(figure), flush=True)


def cpu_seconds(pid: int) -> float:
    """Give the processor time that a process has used."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def memory_kib(pid: int, kind: str) -> int:
    """Give a process's memory; ``Pss`` counts what processes share once, ``Rss`` every time."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no {kind}")


if __name__ == "__main__":
    main()

"""The paper's whole job on three Geth and three Kubo nodes: accuracy of each global, peak memory.

The commands as a user types them, each role a process of its own. An hour on two slow cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fl_node.network import devnet

FLNODE = Path(sys.executable).with_name("flnode")
PLAN = Path(__file__).resolve().parent.parent / "examples" / "paper.toml"
KIBIBYTES_PER_MEBIBYTE = 1024


def flnode(folder: Path, *words: str) -> Any:
    """Run a command to its end and give its document."""
    done = subprocess.run(
        [FLNODE, *words, "--folder", folder, "--json"], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def peaks(folder: Path, roles: dict[str, list[str]]) -> dict[str, int]:
    """Run roles side by side; give each one's peak memory in MiB."""
    names = {
        subprocess.Popen([FLNODE, *words, "--folder", folder], stdout=subprocess.DEVNULL).pid: name
        for name, words in roles.items()
    }
    found = {}
    while len(found) < len(names):
        pid, status, usage = os.wait3(0)
        if status:
            raise SystemExit(f"{names[pid]} ended with {os.waitstatus_to_exitcode(status)}")
        found[names[pid]] = usage.ru_maxrss // KIBIBYTES_PER_MEBIBYTE
    return found


def main() -> None:
    """Print one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--plan", type=Path, default=PLAN)
    plan = arguments.parse_args().plan
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "devnet"
        devnet.up(folder, lambda line: print(line, file=sys.stderr))
        try:
            flnode(folder, "deploy", str(plan))
            started = time.monotonic()
            memory = peaks(
                folder,
                {
                    "node 1": ["train", "--node-id", "1"],
                    "node 2": ["train", "--node-id", "2"],
                    "header": ["aggregate", "--no-evaluate"],
                },
            )
            seconds = time.monotonic() - started
            rounds = [each["round"] for each in flnode(folder, "status")["rounds"]]
            scores = [
                flnode(folder, "evaluate", "--round", str(number))["metrics"]["accuracy"]
                for number in rounds
            ]
            audited = flnode(folder, "audit")["ok"]
        finally:
            devnet.down(folder)
    print(
        json.dumps(
            {
                "benchmark": "network_paper",
                "accuracy": [round(score, 4) for score in scores],
                "audit_ok": audited,
                "peak_mebibytes": memory,
                "seconds": round(seconds),
            }
        )
    )


if __name__ == "__main__":
    main()

"""Start time of `flnode --help`, against the interpreter that does nothing, in turn."""

import json
import statistics
import subprocess
import sys
import time

RUNS = 15
HELP = [sys.executable, "-c", "import sys; from fl_node.cli import main; main()", "--help"]
NOTHING = [sys.executable, "-c", "pass"]


def seconds(command: list[str]) -> float:
    """Run a command to its end."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Print the medians of interleaved runs."""
    pairs = [(seconds(HELP), seconds(NOTHING)) for _ in range(RUNS)]
    help_seconds, nothing_seconds = (
        statistics.median(column) for column in zip(*pairs, strict=True)
    )
    figures = {"help_seconds": round(help_seconds, 3), "python_seconds": round(nothing_seconds, 3)}
    print(json.dumps({"benchmark": "start_time", "runs": RUNS} | figures))


if __name__ == "__main__":
    main()

"""Aggregation: FedAvg here against Flower's ``aggregate`` and ``numpy.average`` of a stack.

Each candidate lives in a process of its own, since what one frees changes how fast the others get
memory. They share one NumPy and the same updates, and work in turn; one waits while another works.
Flower's pins clash with ours, so the processes run in an environment that the first run makes in
the cache.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FLOWER = "1.41.0"
CHECKOUT = Path(__file__).resolve().parent.parent
PAPER = [(3, 3, 1, 32), (32,), (3, 3, 32, 64), (64,), (3, 3, 64, 128), (128,)]
PAPER += [(2048, 256), (256,), (256, 10), (10,)]
LARGE = [(1000, 4000)] * 5
MAX_EXTRA_MODELS = 1.3

Arrays = list[Any]
Update = tuple[Arrays, int]


@dataclass(frozen=True)
class Case:
    """What is averaged, how often, and how many times faster than Flower it should be."""

    name: str
    updates: int
    shapes: list[tuple[int, ...]]
    repeats: int
    min_times_faster: float | None


CASES = [
    Case("2 of the paper's model", 2, PAPER, 101, 2.0),
    Case("10 of the paper's model", 10, PAPER, 51, 2.0),
    Case("100 of the paper's model", 100, PAPER, 9, None),
    Case("10 of 20 M weights", 10, LARGE, 7, 2.0),
]


def ours(updates: list[Update]) -> Callable[[], Arrays]:
    """Average with FedAvg as a round does, structure checks included."""
    from aggregator.strategies.fedavg import FedAvg
    from aggregator.strategies.strategy import Contribution
    from fl_node.weights import Weights

    contributions = [
        Contribution(node, samples, Weights({f"{i:03}": a for i, a in enumerate(arrays)}))
        for node, (arrays, samples) in enumerate(updates, start=1)
    ]
    base, strategy = contributions[0].weights, FedAvg()
    return lambda: list(strategy.aggregate(base, None, contributions).weights.tensors.values())


def flower(updates: list[Update]) -> Callable[[], Arrays]:
    """Average with what Flower's own FedAvg calls."""
    from flwr.server.strategy.aggregate import aggregate

    return lambda: list(aggregate(updates))


def stacked(updates: list[Update]) -> Callable[[], Arrays]:
    """Average with NumPy, as one would at first."""
    layers = list(zip(*(arrays for arrays, _ in updates), strict=True))
    samples = [samples for _, samples in updates]
    return lambda: [np.average(np.stack(layer), axis=0, weights=samples) for layer in layers]


CANDIDATES = {"ours": ours, "flower": flower, "numpy.average": stacked}


def made(case: Case) -> list[Update]:
    """Make a case's updates from the seed 0: normal weights, about 30,000 samples."""
    random = np.random.default_rng(0)
    return [
        ([random.standard_normal(shape, np.float32) for shape in case.shapes], 30_000 + node)
        for node in range(case.updates)
    ]


def serve(candidate: str, case: Case) -> None:
    """Average once for each line on standard input; print what it names."""
    run = CANDIDATES[candidate](made(case))
    answers = {"seconds": seconds, "peak_bytes": peak_bytes, "checksum": checksum}
    for line in sys.stdin:
        print(json.dumps(answers[line.strip()](run)), flush=True)


def seconds(run: Callable[[], Arrays]) -> list[float]:
    """Time a run: on the wall, and of all processors."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return [time.perf_counter() - wall, time.process_time() - processor]


def peak_bytes(run: Callable[[], Arrays]) -> int:
    """Give the most memory that a run holds at a time, its result included."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def checksum(run: Callable[[], Arrays]) -> float:
    """Sum the average's elements: candidates that differ compute different things."""
    return float(sum(array.sum(dtype=np.float64) for array in run()))


def figures(case: Case) -> Iterator[dict[str, Any]]:
    """Let the candidates work in turn, after one run each that is not counted."""
    servers = {name: start(name, case) for name in CANDIDATES}
    sums = [ask(server, "checksum") for server in servers.values()]
    np.testing.assert_allclose(sums, sums[0], rtol=1e-3)
    times: dict[str, list[list[float]]] = {name: [] for name in servers}
    for _ in range(case.repeats):
        for name, server in servers.items():
            times[name].append(ask(server, "seconds"))
    peaks = {name: ask(server, "peak_bytes") for name, server in servers.items()}
    for server in servers.values():
        server.stdin.close()
        server.wait()
    yield from speed(case, times)
    yield from memory(case, peaks)


def start(name: str, case: Case) -> Any:
    """Start a candidate's process."""
    command = [sys.executable, __file__, "--serve", name, "--case", case.name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(server: Any, question: str) -> Any:
    """Have one run made."""
    server.stdin.write(question + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


def speed(case: Case, times: dict[str, list[list[float]]]) -> Iterator[dict[str, Any]]:
    """Give medians, and medians of the ratios of neighbours: the load of both is alike."""
    versions = {"flwr": version("flwr"), "numpy": np.__version__, "cores": os.cpu_count()}
    for name, each in times.items():
        wall = statistics.median(wall for wall, _ in each)
        yield figure(f"aggregation {name}, {case.name}", wall * 1000, "ms", **versions)
    for other in ("flower", "numpy.average"):
        bar = {"bar": case.min_times_faster} if other == "flower" and case.min_times_faster else {}
        for kind, place in (("wall time", 0), ("processor time", 1)):
            pairs = zip(times[other], times["ours"], strict=True)
            ratio = statistics.median(theirs[place] / mine[place] for theirs, mine in pairs)
            label = f"aggregation {other} / ours, {case.name}: {kind}"
            yield figure(label, ratio, "ratio", **(bar if kind == "wall time" else {}))


def memory(case: Case, peaks: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Give the extra memory in sizes of the model."""
    model_bytes = 4 * sum(int(np.prod(shape)) for shape in case.shapes)
    for name, peak in peaks.items():
        bar = {"bar": MAX_EXTRA_MODELS} if name == "ours" else {}
        label = f"aggregation {name}, {case.name}: extra memory"
        yield figure(label, peak / model_bytes, "models", **bar)


def figure(name: str, value: float, unit: str, **more: object) -> dict[str, Any]:
    """Give one figure as the line that is printed."""
    return {"figure": name, "value": round(value, 4), "unit": unit, **more}


def flower_python() -> Path:
    """Give the Python of an environment that has Flower, our NumPy, and nothing else of ours."""
    cache = os.environ.get("FLNODE_CACHE") or Path.home() / ".cache" / "flnode"
    folder = Path(cache) / f"flower-{FLOWER}-numpy-{np.__version__}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        print(f"making an environment for Flower {FLOWER} in {folder}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        ours_too = [f"{name}=={version(name)}" for name in ("numpy", "rfc8785")]
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, f"flwr=={FLOWER}", *ours_too], check=True)
        complete.touch()
    return python


def main() -> None:
    """Measure in Flower's environment; started anywhere else, go there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, next(case for case in CASES if case.name == chosen.case))
    elif chosen.here:
        for case in CASES:
            for line in figures(case):
                print(json.dumps(line), flush=True)
    else:
        environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "FLWR_TELEMETRY_ENABLED": "0"}
        command = [flower_python(), __file__, "--here"]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()

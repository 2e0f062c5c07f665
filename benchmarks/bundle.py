"""What a bundle costs: verifying the paper's job, a day of idle blocks, and 1,000 flipped bytes.

Seconds are those after imports, of the best of three where that is cheap. With ``--large`` also 100
and more rounds of 9 nodes with 100,000 weights each.
"""

import argparse
import io
import json
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.bundle import audit_bundle
from fl_node.bundle.headers import HeaderCoder
from fl_node.bundle.write import write_bundle
from fl_node.chain.clique import Clique
from fl_node.chain.excerpt import Excerpt
from fl_node.errors import FlnodeError
from fl_node.rounds import Terms
from tests import small_federation as small
from tests.chain.sealed import idle_blocks

DAY_BLOCKS, FLIPS, REPEATS = 86_400, 1000, 3
PAPER_WEIGHTS, LARGE_WEIGHTS = 619_786, 100_000


def bundled(folder: Path, weights: int, nodes: int, rounds: int) -> Path:
    """Let a federation of so many weights live, and write its bundle."""
    small.INITIAL["dense/kernel"] = np.linspace(-1, 1, weights, dtype=np.float32).reshape(-1, 2)
    small.SAMPLES.update({node: 100 * node for node in range(1, nodes + 1)})
    federation = small.small_federation(folder, nodes=nodes, terms=Terms(rounds=rounds))
    for _ in range(rounds):
        federation.run_round(*range(1, nodes + 1))
    excerpt, file = Excerpt(federation.chain, federation.address), folder / "bundle"
    write_bundle(file, excerpt, federation.store, light=False, say=small.silent)
    return file


def verify(file: Path) -> float:
    """Give the seconds that an audit takes, from the file alone."""
    started = time.perf_counter()
    assert audit_bundle(file, progress=small.silent).audit.ok
    return time.perf_counter() - started


def job(folder: Path, name: str, weights: int, nodes: int, rounds: int, repeats: int) -> None:
    """Measure a whole job."""
    file = bundled(folder / name, weights, nodes, rounds)
    seconds = min(verify(file) for _ in range(repeats))
    say(f"{name}_bundle_verified", seconds=round(seconds, 3), mebibytes=mebibytes(file))


def idle_day() -> None:
    """Measure what a day of one-second blocks with nothing in them adds."""
    coder = HeaderCoder()
    content = b"".join(coder.encode(header) for header in idle_blocks(DAY_BLOCKS))
    started = time.perf_counter()
    blocks = HeaderCoder().decode(io.BytesIO(content))
    rules = Clique(next(blocks).header)
    for block in blocks:
        rules.follow(block.header)
    seconds = round(time.perf_counter() - started, 1)
    say("idle_day_of_sealed_blocks", seconds=seconds, mebibytes=round(len(content) / 2**20, 2))


def flips(file: Path) -> None:
    """Flip a bit in each of so many bytes drawn at random; each must be found."""
    content, draw, found = bytearray(file.read_bytes()), random.Random(20), 0
    changed = file.with_name("flipped")
    for place in draw.choices(range(len(content)), k=FLIPS):
        bit = 1 << draw.randrange(8)
        content[place] ^= bit
        changed.write_bytes(content)
        content[place] ^= bit
        try:
            audit_bundle(changed, progress=small.silent)
        except FlnodeError:
            found += 1
    say("flipped_bytes", flipped=FLIPS, found=found)


def mebibytes(file: Path) -> float:
    """Give a file's size."""
    return round(file.stat().st_size / 2**20, 2)


def say(name: str, **values: Any) -> None:
    """Print a figure."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"name": name, **values, "peak_mebibytes": peak}), flush=True)


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flips(bundled(folder / "small", 6, 2, 2))
        job(folder, "paper", PAPER_WEIGHTS, 2, 5, REPEATS)
        if large:
            job(folder, "large", LARGE_WEIGHTS, 9, 112, 1)
    idle_day()


if __name__ == "__main__":
    main()

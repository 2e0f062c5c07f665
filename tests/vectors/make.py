"""Write the vectors anew: ``python -m tests.vectors.make IPFS``, the path of a Kubo 0.40.1 binary.

A changed vector is a changed format: give it a new version instead, unless nothing was released.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from fl_node.cid import CHUNK_BYTES
from tests.aggregator.strategies import paper
from tests.vectors import FOLDER, golden

SIZES = [0, 1, 12, 524_288, 52_428_800, 104_857_600]
CHUNKS = [1, 173, 174, 175, 348]
PUBLISHED = {
    "": "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
    "hello world\n": "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
    "hello world": "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
}
BOTH_ENDS = [2**-149, -(2**-149), 2**-126, -0.0, 0.0, 1.0, -(2**128 - 2**104), 2**128 - 2**104]


def main(ipfs: str) -> None:
    write("cids.json", {"kubo": cids(ipfs), "published": published()})
    files = {}
    for name, content in golden_files():
        (FOLDER / name).write_bytes(content)
        files[name] = kubo_cid(ipfs, content)
        write("files.json", files)  # the report names the weights file
    write("fedavg.json", [fedavg_vector(name, ups) for name, ups in fedavg_cases().items()])
    write("tree_sum.json", [tree_vector(size) for size in (0, 1, 2, 3, 5, 8, 9, 64, 100)])


def write(name: str, value: Any) -> None:
    (FOLDER / name).write_text(json.dumps(value, indent=1) + "\n")


def golden_files():
    yield "weights.safetensors", golden.golden_weights().encode()
    yield "plan.json", golden.golden_plan().encode()
    yield "report.json", golden.golden_report().encode()


def cids(ipfs: str) -> list[dict[str, Any]]:
    around = [chunks * CHUNK_BYTES + more for chunks in CHUNKS for more in (-1, 0, 1)]
    return [
        {"bytes": size, "cid": kubo_cid(ipfs, hashlib.shake_256(b"flnode").digest(size))}
        for size in sorted({*SIZES, *around})
    ]


def published() -> list[dict[str, str]]:
    return [{"text": text, "cid": cid} for text, cid in PUBLISHED.items()]


def kubo_cid(ipfs: str, content: bytes) -> str:
    options = ["--only-hash", "--quieter", "--offline", "--cid-version=0", "--raw-leaves=false"]
    command = [ipfs, "add", *options, f"--chunker=size-{CHUNK_BYTES}"]
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()


def fedavg_cases() -> dict[str, list[paper.Update]]:
    ulp = 2**-23
    count = 2**53 - 1
    return {
        "one update is itself but for -0.0": [(1, 7, BOTH_ENDS)],
        "equal updates": [(3, 1, BOTH_ENDS), (1, 30_000, BOTH_ENDS), (2, count, BOTH_ENDS)],
        "ties go to the even neighbour": [
            (1, 1, [1.0, 1 + ulp, -1.0, 2**-149, 3 * 2**-149, -(2**-149), 2**-126]),
            (2, 1, [1 + ulp, 1 + 2 * ulp, -1 - ulp, 0.0, 0.0, 0.0, 2**-126 - 2**-149]),
        ],
        "underflow keeps the sign": [
            (1, 1, [2**-149, -(2**-149), -(2**-149), -(2**-127)]),
            (2, 2, [0.0, -0.0, 0.0, 2**-149]),
        ],
        "the order of nodes is the order of sums": [
            (30, 1, [1.0, -(2**100), 2**-100]),
            (4, 1, [2**100, 2**100, 1.0]),
            (100, 1, [-(2**100), 1.0, -1.0]),
        ],
        "counts beyond what products hold": [
            (1, count, [1 / 3, 1.1, -0.1, 2**-149]),
            (2, count - 1, [2 / 3, 1.3, 0.1, 2**-148]),
            (3, 2**29 + 1, [0.7, -1.7, 1e-30, 1e30]),
        ],
        "a total that float64 rounds": [(1, 2**53, [1.0]), (2, 1, [3.0]), (3, 2**53, [1 + ulp])],
        "a tie that a product with 1 / 49 misses": [
            (1, 1, [float.fromhex("0x1.7fe2060000000p-1")]),
            (2, 48, [float.fromhex("0x1.0355560000000p+1")]),
        ],
        "random bits, few samples": random_updates(seed=1, nodes=5, most=60_000),
        "random bits, many samples": random_updates(seed=2, nodes=7, most=2**53),
    }


def random_updates(seed: int, nodes: int, most: int) -> list[paper.Update]:
    stream = hashlib.shake_256(f"flnode {seed}".encode()).digest(nodes * 200)
    rows = [stream[start : start + 200] for start in range(0, len(stream), 200)]
    return [
        (node, int.from_bytes(row[:8]) % most + 1, finite(row[8:]))
        for node, row in enumerate(rows, start=1)
    ]


def finite(bits: bytes) -> list[float]:
    values = np.frombuffer(bits, "<f4")
    return np.where(np.isfinite(values), values, np.float32(1.0)).tolist()


def fedavg_vector(name: str, updates: list[paper.Update]) -> dict[str, Any]:
    single = [(node, weight, np.array(values, "<f4").tolist()) for node, weight, values in updates]
    return {
        "name": name,
        "updates": [
            {"node": node, "weight": weight, "values": hexadecimal(values, ">f4")}
            for node, weight, values in single
        ],
        "expected": hexadecimal(paper.fedavg(single), ">f4"),
    }


def tree_vector(size: int) -> dict[str, Any]:
    words = np.frombuffer(hashlib.shake_256(b"flnode tree").digest(size * 8), "<u8")
    exponents, fractions = (words >> 59).astype("i8"), (words & (2**53 - 1)).astype("f8")
    values = np.ldexp(fractions, (3 * exponents - 100).astype("i4"))
    expected = np.array([paper.tree_sum(values.tolist())])
    return {"values": hexadecimal(values, ">f8"), "expected": hexadecimal(expected, ">f8")[0]}


def hexadecimal(values: Sequence[float] | np.ndarray, dtype: str) -> list[str]:
    array = np.asarray(values, dtype)
    return array.tobytes().hex(" ", array.itemsize).split()


if __name__ == "__main__":
    main(sys.argv[1])

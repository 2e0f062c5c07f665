"""Split learning with several batches in flight against one, each party on a core of its own.

Both train the same batches as the roles do: TLS, signatures, digests, a journal on disk. The ratio
is of the medians of blocks by turns: throughput with several in flight over that with one.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from split_training import Job, Node

from fl_node.split.draft import SplitDraft, draft_split
from fl_node.split.plan_file import parse_split_file
from fl_node.training.backend import start_backend

NODE_CORE, PROVIDER_CORE = 0, 1


@dataclass(frozen=True)
class PinnedJob(Job):
    """A job whose party stays on one core; the provider's is the process that was started."""

    in_flight: int = 1

    def draft(self) -> SplitDraft:
        """Draft the plan, once this process is on its core: TensorFlow counts cores."""
        is_node = multiprocessing.parent_process() is None
        os.sched_setaffinity(0, {NODE_CORE if is_node else PROVIDER_CORE})
        start_backend(at_once=self.in_flight)
        split = {"cut_after": self.cut_after, "wire": self.wire, "in_flight": self.in_flight}
        split |= {"keep_from": self.keep_from} if self.keep_from else {}
        keys = {"name": "benchmark", "model": "cnn", "data": "mnist", "nodes": 1}
        keys |= {"images": self.images, "batch_size": self.batch, "split": split}
        return draft_split(parse_split_file(keys, Path.cwd(), {}))


def measured(job: PinnedJob, blocks: int) -> dict[str, object]:
    """Time blocks by turns, after one of each that is not counted."""
    several = Node(job)  # first: it needs more of TensorFlow's threads
    one = Node(PinnedJob(job.cut_after, job.keep_from, job.wire, job.steps))
    seconds: dict[str, list[float]] = {"one": [], "several": []}
    for block in range(blocks + 1):
        for name, node in (("one", one), ("several", several)):
            start = time.perf_counter()
            node.recorded(lambda: None, job.steps)
            seconds[name] += [time.perf_counter() - start] if block else []
    one.close()
    several.close()
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    batches = job.steps
    return {
        "benchmark": "split_flight",
        "configuration": "u-shaped" if job.keep_from else "vanilla",
        "cut_after": job.cut_after,
        "in_flight": job.in_flight,
        "batches": batches,
        "blocks": blocks,
        "one_ms": round(1000 * medians["one"] / batches, 2),
        "several_ms": round(1000 * medians["several"] / batches, 2),
        "throughput": round(medians["one"] / medians["several"], 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--batches", type=int, default=20, help="of a block")
    parser.add_argument("--cut-after", default="pool_2")
    parser.add_argument("--keep-from", help="the tail's first layer, for the U-shaped way")
    parser.add_argument("--in-flight", type=int, default=2)
    given = parser.parse_args()
    job = PinnedJob(
        given.cut_after, given.keep_from, "float32", given.batches, in_flight=given.in_flight
    )
    print(json.dumps(measured(job, given.blocks)))


if __name__ == "__main__":
    main()

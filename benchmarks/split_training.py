"""Split learning in two processes on this machine's cores against the uncut model, by turns.

Bare is tensors over a plain socket. Recorded is what the roles do: TLS, a signature for each
message made and checked, digests, a journal on disk. All three train as many batches of the paper's
network; a ratio is of the medians of the blocks, uncut over split: throughput against the whole.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import socket
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.split.channel.client import connect
from fl_node.split.channel.keys import SessionKeys, verify
from fl_node.split.channel.link import Link
from fl_node.split.channel.server import Server
from fl_node.split.channel.stream import Stream
from fl_node.split.conversation import Conversation, EpochStart
from fl_node.split.data_owner import DataOwner
from fl_node.split.draft import SplitDraft, draft_split
from fl_node.split.epoch import EpochRun, Learner, Turn
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.provider_step import ProviderStep
from fl_node.split.plan_file import parse_split_file
from fl_node.split.provider import Provider
from fl_node.split.record.history import Peer
from fl_node.split.record.journal import Journal
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import session_id
from fl_node.split.wire.boundaries import Boundaries

SESSION = session_id(1, "0x" + "00" * 20, 1)
_SECONDS = 120
_SIZE = struct.Struct(">I")
_SPACE = 4096


@dataclass(frozen=True)
class Job:
    """What is trained, and where it is cut.

    :ivar keep_from: None for vanilla
    """

    cut_after: str
    keep_from: str | None
    wire: str
    images: int
    batch: int = 128

    def draft(self) -> SplitDraft:
        """Cut the paper's network."""
        split = {"cut_after": self.cut_after, "wire": self.wire}
        split |= {"keep_from": self.keep_from} if self.keep_from else {}
        keys = {"name": "benchmark", "model": "cnn", "data": "mnist", "nodes": 1}
        keys |= {"images": self.images, "batch_size": self.batch, "split": split}
        return draft_split(parse_split_file(keys, Path.cwd(), {}))


@dataclass(frozen=True)
class Side:
    """One party with all that an epoch takes.

    :ivar known: the other's announced key
    """

    party: Party
    draft: SplitDraft
    learner: Learner
    keys: SessionKeys
    known: bytes
    dial: Callable[[float], Stream]

    def recorded(self) -> None:
        """Train an epoch as the roles do, without a chain."""
        folder = Path(tempfile.mkdtemp(prefix="flnode-benchmark-"))
        link = Link(self.dial, deadline_seconds=_SECONDS, check=lambda: None, say=lambda _: None)
        try:
            with Journal(folder, SESSION, 1, lambda _: None) as journal:
                conversation = self._conversation(journal, link)
                conversation.open()
                watch = lambda *_: None  # noqa: E731
                turn, every = Turn(1, 1), self.draft.plan.snapshot_steps
                EpochRun(self.learner, folder, turn, journal, every, watch, False).run(conversation)
                conversation.history.tree()
        finally:
            link.close()
            shutil.rmtree(folder)

    def _conversation(self, journal: Journal, link: Link) -> Conversation:
        other = self.party.other
        return Conversation(
            EpochStart(SESSION, 1, SESSION),
            Boundaries.of_plan(self.draft.plan),
            party=self.party,
            peer=Peer(other, other.value, partial(verify, self.known)),
            sign=self.keys.sign,
            journal=journal,
            link=link,
            is_recorded=lambda: False,
            samples=self.learner.samples,
        )


def provide(pipe: Connection, job: Job) -> None:
    """Be the provider in a process of its own: do what the pipe says."""
    draft = job.draft()
    learner = Provider(draft.plan, draft.upper)
    learner.begin()
    keys = SessionKeys.create("provider", 1)
    most = Boundaries.of_plan(draft.plan).max_bytes() + _SPACE
    plain = socket.create_server(("127.0.0.1", 0))
    pipe.send((keys.certificate, keys.key, plain.getsockname()))
    certificate, known = pipe.recv()
    with Server(
        keys,
        lambda: {1: certificate},
        port=0,
        max_message_bytes=most,
        send_seconds=_SECONDS,
        say=lambda _: None,
    ) as server:
        pipe.send(server.endpoint)
        side = Side(Party.PROVIDER, draft, learner, keys, known, partial(server.accept, 1))
        stream, _ = plain.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (asked := pipe.recv()) is not None:
            side.recorded() if asked == "recorded" else _answer(learner, stream, job)
            pipe.send(time.process_time())


def _answer(learner: Provider, stream: socket.socket, job: Job) -> None:
    step = learner._step
    for _ in range(-(-job.images // job.batch)):
        cut = _receive(stream)
        if isinstance(step, ProviderStep):
            gradients = step.step(cut[:-1], cut[-1])
        else:
            gradients = step.step(cut, partial(_exchanged, stream))
        _send(stream, gradients)


def _exchanged(stream: socket.socket, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    _send(stream, arrays)
    return _receive(stream)


def _send(stream: socket.socket, arrays: Sequence[NDArray[Any]]) -> None:
    shapes = json.dumps([list(each.shape) for each in arrays]).encode()
    stream.sendall(_SIZE.pack(len(shapes)) + shapes)
    for each in arrays:
        stream.sendall(np.ascontiguousarray(each).data.cast("B"))


def _receive(stream: socket.socket) -> list[NDArray[Any]]:
    (size,) = _SIZE.unpack(_exactly(stream, _SIZE.size))
    shapes = json.loads(_exactly(stream, size))
    return [
        np.frombuffer(_exactly(stream, 4 * int(np.prod(shape))), np.float32).reshape(shape)
        for shape in shapes
    ]


def _exactly(stream: socket.socket, count: int) -> bytearray:
    content = bytearray(count)
    view = memoryview(content)
    while view:
        view = view[stream.recv_into(view) :]
    return content


class Node:
    """The data owner, in this process, and the provider's process at the other end."""

    def __init__(self, job: Job) -> None:
        from fl_node.training.data import load_data

        self.job, self.draft = job, job.draft()
        self.data = load_data("mnist", self.draft.plan.training, 1)
        self.learner = DataOwner(self.draft.plan, 1, self.draft.initial, self.data, None)
        self.learner.begin()
        self.keys = SessionKeys.create("node", 1)
        here, there = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=provide, args=(there, job))
        self.process.start()
        self.pipe = here
        certificate, known, plain = here.recv()
        here.send((self.keys.certificate, self.keys.key))
        endpoint = here.recv()
        self.stream = socket.create_connection(plain)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        most = Boundaries.of_plan(self.draft.plan).max_bytes() + _SPACE
        dial = partial(_dialled, endpoint, self.keys, certificate, most)
        self.side = Side(Party.NODE, self.draft, self.learner, self.keys, known, dial)

    def recorded(self) -> None:
        """Train an epoch as the roles do."""
        self.pipe.send("recorded")
        self.side.recorded()
        self.pipe.recv()

    def bare(self) -> None:
        """Train an epoch with nothing but tensors on a socket."""
        self.pipe.send("bare")
        step, samples = self.learner._step, self.learner._data
        size = self.job.batch
        for first in range(0, self.job.images, size):
            rows = np.arange(first, min(first + size, self.job.images))
            if isinstance(step, NodeStep):
                step.step(samples, rows, lambda cut, y: _exchanged(self.stream, [*cut, y]))
            else:
                exchange = partial(_exchanged, self.stream)
                step.step(samples, rows, exchange, exchange)
        self.pipe.recv()

    def uncut(self) -> Callable[[], object]:
        """Give what trains an epoch of the whole model, as a federation's node does."""
        from fl_node.training.draft import draft_plan
        from fl_node.training.local import Trainer

        keys = {"name": "benchmark", "model": "cnn", "data": "mnist", "nodes": 1}
        draft = draft_plan(keys | {"images": self.job.images, "batch_size": self.job.batch})
        trainer = Trainer(draft.plan)
        return lambda: trainer.train(draft.initial, node=1, round_=1, base_number=0, data=self.data)

    def close(self) -> None:
        """End the provider's process."""
        self.pipe.send(None)
        self.process.join()
        self.stream.close()


def _dialled(
    endpoint: str, keys: SessionKeys, provider: bytes, most: int, seconds: float
) -> Stream:
    return connect(
        endpoint,
        keys=keys,
        node=1,
        provider=provider,
        max_message_bytes=most,
        timeout_seconds=max(seconds, 5),
        send_seconds=_SECONDS,
    )


def measured(job: Job, blocks: int) -> dict[str, object]:
    """Time blocks by turns, after one of each that is not counted."""
    node = Node(job)
    candidates = {"uncut": node.uncut(), "bare": node.bare, "recorded": node.recorded}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for block in range(blocks + 1):
        for name, epoch in candidates.items():
            start = time.perf_counter()
            epoch()
            seconds[name] += [time.perf_counter() - start] if block else []
    node.close()
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    return {
        "benchmark": "split_training",
        "configuration": "u-shaped" if job.keep_from else "vanilla",
        "cut_after": job.cut_after,
        "wire": job.wire,
        "batches": -(-job.images // job.batch),
        "blocks": blocks,
        "cores": len(os.sched_getaffinity(0)),
        "bare_throughput": round(medians["uncut"] / medians["bare"], 3),
        "recorded_throughput": round(medians["uncut"] / medians["recorded"], 3),
    }


def main() -> None:
    """Print a line for each configuration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--images", type=int, default=2560, help="of a block")
    parser.add_argument("--cut-after", default="pool_2")
    parser.add_argument("--wire", default="float32")
    given = parser.parse_args()
    vanilla = Job(given.cut_after, None, given.wire, given.images)
    for job in (vanilla, replace(vanilla, keep_from="digit")):
        print(json.dumps(measured(job, given.blocks)))


if __name__ == "__main__":
    main()

"""Split learning in two processes on this machine's cores against the uncut model, by turns.

Bare is tensors over a plain socket. Recorded is what the roles do: TLS, a signature for each
message made and checked, digests, a journal on disk. All train as many batches of the paper's
network in a block; a ratio is uncut over split: throughput against the whole.

* ``bare_throughput``, ``recorded_throughput``: medians of blocks. The recorded ones are parts of
  one epoch, which rests while the others have their turn.
* ``whole_epoch_throughput``: the mean uncut batch against that epoch's mean batch, with all that it
  does but once or now and then: connecting, the handshake, states on disk, removing the journal.
* ``short_epoch_throughput``: medians; each block is an epoch of its own with all of that.
* ``processor_milliseconds``: of a batch, both processes; other load changes it less.
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
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from fl_node.split.epoch import EpochRun, Learner, Metrics, Turn, Watch
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.provider_step import ProviderStep
from fl_node.split.plan_file import parse_split_file
from fl_node.split.provider import Provider
from fl_node.split.record.history import Peer
from fl_node.split.record.journal import Journal
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import session_id
from fl_node.split.wire.boundaries import Boundaries
from fl_node.training.dataset import Dataset

SESSION = session_id(1, "0x" + "00" * 20, 1)
_SECONDS = 120
_SIZE = struct.Struct(">I")
_SPACE = 4096


@dataclass(frozen=True)
class Job:
    """What is trained, and where it is cut.

    :ivar keep_from: None for vanilla
    :ivar steps: of a block
    :ivar blocks: of an epoch
    """

    cut_after: str
    keep_from: str | None
    wire: str
    steps: int
    blocks: int = 1
    batch: int = 128

    @property
    def images(self) -> int:
        """An epoch's."""
        return self.blocks * self.steps * self.batch

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

    def recorded(self, watch: Watch) -> None:
        """Train an epoch as the roles do, without a chain.

        :param watch: takes each step's number when it is done
        """
        folder = Path(tempfile.mkdtemp(prefix="flnode-benchmark-"))
        link = Link(self.dial, deadline_seconds=_SECONDS, check=lambda: None, say=lambda _: None)
        try:
            with Journal(folder, SESSION, 1, lambda _: None) as journal:
                conversation = self._conversation(journal, link)
                conversation.open()
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
        work = Work(pipe, side, learner, stream)
        while (asked := pipe.recv()) is not None:
            work.do(*asked)


@dataclass(frozen=True)
class Work:
    """What the provider's process does when the pipe says so."""

    pipe: Connection
    side: Side
    learner: Provider
    stream: socket.socket

    def do(self, what: str, steps: int) -> None:
        """Take part in steps of one kind, and say when that is done.

        :param steps: after so many a recorded epoch rests until the pipe says to go on
        """
        if what == "bare":
            _answer(self.learner, self.stream, steps)
        else:
            self.side.recorded(partial(self._rest, steps))
        self.pipe.send(what)

    def _rest(self, every: int, step: int, _: Metrics) -> None:
        if step % every == 0:
            while (asked := self.pipe.recv()) is not None:
                self.do(*asked)


def _answer(learner: Provider, stream: socket.socket, steps: int) -> None:
    step = learner._step
    for _ in range(steps):
        cut = _receive(stream)
        if isinstance(step, ProviderStep):
            step.step(cut[:-1], cut[-1], lambda gradients, _: _send(stream, gradients))
        else:
            step.step(cut, partial(_exchanged, stream), partial(_send, stream))


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

    def recorded(self, rest: Callable[[], None], every: int) -> None:
        """Train an epoch as the roles do, over all the data.

        :param rest: is called after every so many steps, while the provider rests too
        """

        def watch(step: int, _: Metrics) -> None:
            if step % every == 0:
                rest()
                self.pipe.send(None)

        self.pipe.send(("recorded", every))
        self.side.recorded(watch)
        self.pipe.recv()

    def shorten(self) -> None:
        """Let an epoch be a block from now on."""
        block = _first(self.data, self.job.steps * self.job.batch)
        self.learner._data = self.learner._step.samples(block)

    def bare(self) -> None:
        """Train a block with nothing but tensors on a socket."""
        steps, size = self.job.steps, self.job.batch
        self.pipe.send(("bare", steps))
        step, samples = self.learner._step, self.learner._data
        for number in range(steps):
            rows = np.arange(number * size, (number + 1) * size)
            if isinstance(step, NodeStep):
                step.step(samples, rows, lambda cut, y: _exchanged(self.stream, [*cut, y]))
            else:
                exchange = partial(_exchanged, self.stream)
                step.step(samples, rows, exchange, exchange)
        self.pipe.recv()

    def uncut(self) -> Callable[[], object]:
        """Give what trains a block of the whole model, as a federation's node does."""
        from fl_node.training.draft import draft_plan
        from fl_node.training.local import Trainer

        keys = {"name": "benchmark", "model": "cnn", "data": "mnist", "nodes": 1}
        draft = draft_plan(keys | {"images": self.job.images, "batch_size": self.job.batch})
        trainer, data = Trainer(draft.plan), _first(self.data, self.job.steps * self.job.batch)
        return lambda: trainer.train(draft.initial, node=1, round_=1, base_number=0, data=data)

    @property
    def processor_seconds(self) -> float:
        """What this process and the provider's have used, all threads (proc(5), schedstat)."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        there = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        return time.process_time() + there / 1e9

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


def _first(data: Dataset, count: int) -> Dataset:
    return Dataset(tuple(each[:count] for each in data.inputs), data.targets[:count])


@dataclass
class Clock:
    """Wall and processor seconds of blocks, by what was done in them."""

    node: Node
    wall: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    processor: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def start(self) -> None:
        """Begin a block."""
        self._started = time.perf_counter(), self.node.processor_seconds

    def stop(self, name: str) -> None:
        """End a block."""
        wall, processor = self._started
        self.wall[name].append(time.perf_counter() - wall)
        self.processor[name].append(self.node.processor_seconds - processor)

    def time(self, name: str, act: Callable[[], object]) -> None:
        """Time a block."""
        self.start()
        act()
        self.stop(name)

    def throughput(self, name: str) -> float:
        """Give the ratio of the medians, of all but the first block."""
        medians = (statistics.median(self.wall[each][1:]) for each in ("uncut", name))
        return round(next(medians) / next(medians), 3)


def one_epoch(node: Node, uncut: Callable[[], object]) -> tuple[Clock, float]:
    """Time blocks of one epoch, which rests after each for one of the others.

    :returns: the epoch's own seconds too
    """
    clock, begun = Clock(node), time.perf_counter()

    def rest() -> None:
        clock.stop("recorded")
        clock.time("uncut", uncut)
        clock.time("bare", node.bare)
        clock.start()

    clock.start()
    node.recorded(rest, node.job.steps)
    others = sum(clock.wall["uncut"]) + sum(clock.wall["bare"])
    return clock, time.perf_counter() - begun - others


def short_epochs(node: Node, uncut: Callable[[], object], blocks: int) -> Clock:
    """Time epochs of a block's length."""
    clock = Clock(node)
    node.shorten()
    for _ in range(blocks + 1):
        clock.time("uncut", uncut)
        clock.time("short", lambda: node.recorded(lambda: None, node.job.steps))
    return clock


def measured(job: Job, blocks: int) -> dict[str, object]:
    """Time blocks by turns, after one of each that is not counted."""
    node = Node(job)
    uncut = node.uncut()
    for warm_up in (uncut, node.bare):
        warm_up()
    clock, epoch = one_epoch(node, uncut)
    short = short_epochs(node, uncut, blocks)
    node.close()
    batches = (blocks + 1) * job.steps
    milliseconds = 1000 / job.steps
    return {
        "benchmark": "split_training",
        "configuration": "u-shaped" if job.keep_from else "vanilla",
        "cut_after": job.cut_after,
        "wire": job.wire,
        "batches": job.steps,
        "blocks": blocks,
        "cores": len(os.sched_getaffinity(0)),
        "bare_throughput": clock.throughput("bare"),
        "recorded_throughput": clock.throughput("recorded"),
        "whole_epoch_throughput": round(
            statistics.mean(clock.wall["uncut"]) / job.steps / (epoch / batches), 3
        ),
        "short_epoch_throughput": short.throughput("short"),
        "milliseconds": {
            name: round(statistics.median(each[1:]) * milliseconds, 1)
            for name, each in (clock.wall | short.wall).items()
        },
        "processor_milliseconds": {
            name: round(statistics.median(each[1:]) * milliseconds, 1)
            for name, each in (clock.processor | short.processor).items()
        },
    }


def main() -> None:
    """Print a line for each configuration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--batches", type=int, default=20, help="of a block")
    parser.add_argument("--cut-after", default="pool_2")
    parser.add_argument("--wire", default="float32")
    given = parser.parse_args()
    vanilla = Job(given.cut_after, None, given.wire, given.batches, given.blocks + 1)
    for job in (vanilla, replace(vanilla, keep_from="digit")):
        print(json.dumps(measured(job, given.blocks)))


if __name__ == "__main__":
    main()

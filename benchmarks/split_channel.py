"""A step's two messages between data owner and provider: 1.6 MB there, 1.6 MB back, under TLS 1.3.

Our channel, a bare blocking TLS socket and gRPC's bidirectional stream (its own mutual TLS, no
protobuf), each with an echo in a process of its own, measured in turns on the same two cores.
"""

import json
import multiprocessing
import os
import queue
import socket
import ssl
import statistics
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc

from fl_node.errors import ChannelClosedError
from fl_node.split.channel.client import connect
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.channel.server import Server
from fl_node.split.channel.tls import client_context, server_context

MESSAGE_BYTES = 128 * 7 * 7 * 64 * 4  # the paper's CNN, batch 128, cut after the second pooling
ROUNDS, TRIPS_A_ROUND, DROPPED_ROUNDS = 60, 2, 5
SECONDS = 60
GRPC_OPTIONS = [
    ("grpc.max_receive_message_length", 2**26),
    ("grpc.max_send_message_length", 2**26),
]
# What came nearest to a socket of those that were tried.
GRPC_TUNED = [
    *GRPC_OPTIONS,
    ("grpc.http2.max_frame_size", 2**22 - 1),
    ("grpc.http2.lookahead_bytes", 2**23),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.write_buffer_size", 2**23),
]


class Exchange(ABC):
    """A way to send a message and get it back."""

    @abstractmethod
    def trip(self, message: bytes) -> bytes | memoryview:
        """Send, and wait until it is back."""


class Channel(Exchange):
    """What the project uses."""

    def __init__(self, port: int, keys: SessionKeys) -> None:
        self._stream = connect(
            f"127.0.0.1:{port}",
            keys=keys,
            node=1,
            provider=keys.certificate,
            max_message_bytes=MESSAGE_BYTES,
            timeout_seconds=SECONDS,
            send_seconds=SECONDS,
        )

    def trip(self, message: bytes) -> bytes | memoryview:
        """Send, and wait until it is back."""
        self._stream.send(message)
        return self._stream.receive(SECONDS)

    @staticmethod
    def echo(keys: SessionKeys, ready: Connection) -> None:
        """Send back what comes."""
        with Server(
            keys,
            lambda: {1: keys.certificate},
            port=0,
            max_message_bytes=MESSAGE_BYTES,
            send_seconds=SECONDS,
            say=print,
        ) as server:
            ready.send(int(server.endpoint.rpartition(":")[2]))
            stream = server.accept(1, SECONDS)
            with suppress(ChannelClosedError):
                while True:
                    stream.send(stream.receive(SECONDS))


class Bare(Exchange):
    """Python's blocking TLS socket, with nothing around it."""

    def __init__(self, port: int, keys: SessionKeys) -> None:
        plain = socket.create_connection(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = client_context(keys, keys.certificate).wrap_socket(plain)

    def trip(self, message: bytes) -> bytes:
        """Send, and wait until it is back."""
        self._tls.sendall(message)
        return _read(self._tls)

    @staticmethod
    def echo(keys: SessionKeys, ready: Connection) -> None:
        """Send back what comes."""
        context = server_context(keys, [keys.certificate])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ready.send(listener.getsockname()[1])
            plain, _ = listener.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_side=True) as tls:
            while True:
                tls.sendall(_read(tls))


_ROOM = memoryview(bytearray(MESSAGE_BYTES))


def _read(tls: ssl.SSLSocket) -> bytes:
    filled = 0
    while filled < MESSAGE_BYTES:
        count = tls.recv_into(_ROOM[filled:])
        if not count:
            raise SystemExit  # the other side has measured enough
        filled += count
    return bytes(_ROOM)


class Grpc(Exchange):
    """A gRPC stream of raw bytes, with its own defaults."""

    options = GRPC_OPTIONS

    def __init__(self, port: int, keys: SessionKeys) -> None:
        key, certificate = _pem(keys)
        credentials = grpc.ssl_channel_credentials(certificate, key, certificate)
        name = ("grpc.ssl_target_name_override", _host(keys))
        channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, [*self.options, name])
        self._outgoing: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        call = channel.stream_stream("/split/exchange", _same, _same)
        self._answers = call(iter(self._outgoing.get, None))

    def trip(self, message: bytes) -> bytes:
        """Send, and wait until it is back."""
        self._outgoing.put(message)
        answer: bytes = next(self._answers)
        return answer

    @classmethod
    def echo(cls, keys: SessionKeys, ready: Connection) -> None:
        """Send back what comes."""
        key, certificate = _pem(keys)
        server = grpc.server(ThreadPoolExecutor(2), [_Echo()], options=cls.options)
        credentials = grpc.ssl_server_credentials([(key, certificate)], certificate, True)
        ready.send(server.add_secure_port("127.0.0.1:0", credentials))
        server.start()
        server.wait_for_termination()


class GrpcTuned(Grpc):
    """With large frames and windows, and no probing for them."""

    options = GRPC_TUNED


class _Echo(grpc.GenericRpcHandler):  # type: ignore[misc]
    def service(self, handler_call_details: Any) -> Any:
        """Give the same back."""
        return grpc.stream_stream_rpc_method_handler(_again, _same, _same)


def _again(requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
    yield from requests


def _same(content: bytes) -> bytes:
    return content


def _pem(keys: SessionKeys) -> tuple[bytes, bytes]:
    key, mark, certificate = keys.tls_pem.partition(b"-----BEGIN CERTIFICATE")
    return key, mark + certificate


def _host(keys: SessionKeys) -> str:
    return keys.announced.name.replace(" ", "-") + ".invalid"


def started(way: Any, folder: str) -> tuple[Exchange, Any]:
    """Start an echo in a process of its own, and connect to it."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_echo, args=(way.__name__, folder, there), daemon=True
    )
    process.start()
    return way(here.recv(), SessionKeys.load_or_create(Path(folder), "echo", days=1)), process


def _echo(name: str, folder: str, ready: Connection) -> None:
    globals()[name].echo(SessionKeys.load_or_create(Path(folder), "echo", days=1), ready)


@dataclass
class Times:
    """What one way's trips took.

    :ivar trips: milliseconds of each
    :ivar processor: seconds of both processes together, of all that are counted
    """

    trips: list[float] = field(default_factory=list)
    processor: float = 0

    def figures(self) -> dict[str, float]:
        """Give what is printed: wall time, and what other load changes less."""
        return {
            "median_milliseconds": round(statistics.median(self.trips), 2),
            "fastest_tenth_milliseconds": round(statistics.quantiles(self.trips, n=10)[0], 2),
            "processor_milliseconds": round(1000 * self.processor / len(self.trips), 2),
        }


def measure(pairs: list[tuple[Exchange, Any]]) -> list[Times]:
    """Take each way's trips in turns."""
    message = os.urandom(MESSAGE_BYTES)
    found = [Times() for _ in pairs]
    for round_number in range(DROPPED_ROUNDS + ROUNDS):
        for (exchange, process), times in zip(pairs, found, strict=True):
            before = _processor_seconds(process.pid)
            trips = [_timed(exchange, message) for _ in range(TRIPS_A_ROUND)]
            if round_number >= DROPPED_ROUNDS:
                times.trips += trips
                times.processor += _processor_seconds(process.pid) - before
    return found


def _timed(exchange: Exchange, message: bytes) -> float:
    begun = time.perf_counter()
    answer = exchange.trip(message)
    taken = 1000 * (time.perf_counter() - begun)
    # Bytes and a view compare element by element with ==.
    if len(answer) != len(message) or not message.startswith(answer):
        raise SystemExit("a message came back changed")
    return taken


def _processor_seconds(pid: int) -> float:
    """Give what this process and that one have used, all threads (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    there = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    return time.process_time() + there / 1e9


def main() -> None:
    """Print the figures of each way."""
    ways = (Channel, Bare, Grpc, GrpcTuned)
    with tempfile.TemporaryDirectory() as folder:
        SessionKeys.load_or_create(Path(folder), "echo", days=1)
        pairs = [started(way, folder) for way in ways]
        found = measure(pairs)
    for _, process in pairs:
        process.kill()
    figures = {
        way.__name__.lower(): times.figures() for way, times in zip(ways, found, strict=True)
    }
    print(json.dumps({"benchmark": "split_channel", "bytes_each_way": MESSAGE_BYTES} | figures))


if __name__ == "__main__":
    main()

"""A provider that listens and a node that connects, in one process or in two."""

import ctypes
import socket
import struct
import threading
from contextlib import contextmanager

from fl_node.split.channel.client import connect
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.channel.server import Server

PROVIDER, ANA, BEN, STRANGER = (
    SessionKeys.create(name, days=1) for name in ("provider", "ana", "ben", "stranger")
)
MAX_BYTES = 2**25
SECONDS = 20
SO_ATTACH_FILTER = 26  # asm-generic/socket.h


@contextmanager
def listening(admitted=None, *, keys=PROVIDER, said=None, send_seconds=SECONDS, **settings):
    """Give a server that admits these nodes' certificates."""
    announced = {1: ANA.certificate, 2: BEN.certificate} if admitted is None else admitted
    with Server(
        keys,
        announced if callable(announced) else lambda: announced,
        port=0,
        max_message_bytes=MAX_BYTES,
        send_seconds=send_seconds,
        say=(said.append if said is not None else lambda line: None),
        **settings,
    ) as server:
        yield server


def connected(endpoint, *, keys=ANA, node=1, provider=PROVIDER.certificate, **settings):
    """Give a node's stream."""
    settings = {
        "max_message_bytes": MAX_BYTES,
        "timeout_seconds": SECONDS,
        "send_seconds": SECONDS,
    } | settings
    return connect(endpoint, keys=keys, node=node, provider=provider, **settings)


@contextmanager
def pair(*, server_settings=None, **settings):
    """Give the provider's end of a stream and the node's."""
    with (
        listening(**(server_settings or {})) as server,
        connected(server.endpoint, **settings) as node,
    ):
        yield server.accept(1, SECONDS), node


def fall_silent(stream):
    """Let the kernel drop all that comes for a socket, as if its machine had lost its power."""
    drop_everything = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF_RET 0
    program = struct.pack("@HP", 1, ctypes.addressof(drop_everything))
    stream._tls._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def channel_threads():
    """Give the channel's threads that are alive; the tests' own process has others."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("split ")]

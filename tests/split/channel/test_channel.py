"""The channel between two parties, on real sockets: what is sent comes, whole and in order."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fl_node.errors import (
    ChannelClosedError,
    DeadlineError,
    MessageTooLargeError,
    StoppedError,
)
from fl_node.split.channel import tls
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.channel.stream import HELD_MESSAGES
from tests.split.parties import (
    ANA,
    BEN,
    MAX_BYTES,
    SECONDS,
    connected,
    fall_silent,
    listening,
    pair,
)

MEGABYTE = bytes(range(256)) * 4096
SOON_SECONDS = 5  # at once, on a machine that has more to do; what is not ended takes SECONDS


def in_background(act):
    """Run this beside the test; gives what waits for its end."""
    found = []
    thread = threading.Thread(target=lambda: found.append(act()))
    thread.start()

    def joined():
        thread.join(SECONDS)
        assert found, "it has not ended well"
        return found[0]

    return joined


def send_for_ever(stream):
    while True:
        stream.send(MEGABYTE)


def receive_for_ever(stream):
    while True:
        stream.receive(SECONDS)


def received_until_the_end(stream):
    received = []
    with contextlib.suppress(ChannelClosedError):
        while True:
            received.append(stream.receive(SECONDS))
    return received


ACTS = {"send": send_for_ever, "receive": receive_for_ever}


def test_messages_of_any_size_come_back_as_they_were():
    with pair() as (provider, node):
        for size in (0, 1, 4, 5, 16_384, 16_385, 262_139, 262_140, 262_145, 1_605_632, 20_000_000):
            message = os.urandom(size)
            joined = in_background(lambda: provider.send(provider.receive(SECONDS)) or True)
            node.send(message)
            assert node.receive(SECONDS) == message
            assert joined()


def test_pieces_arrive_as_one_message():
    with pair() as (provider, node):
        node.send(b"leaf", memoryview(b"body"), b"", bytearray(b"!"))
        assert provider.receive(SECONDS) == b"leafbody!"
        node.send()
        assert provider.receive(SECONDS) == b""


@pytest.mark.parametrize("size", [64, 1000, 1_605_632])
def test_a_message_ends_where_tensors_lie_aligned_and_cannot_be_written_to(size):
    with pair() as (provider, node):
        node.send(bytes(size))
        found = np.frombuffer(provider.receive(SECONDS), np.uint8)
        assert (found.ctypes.data + size) % 64 == 0
        assert not found.flags.writeable


def test_messages_keep_their_order():
    draw = random.Random(0)
    messages = [
        number.to_bytes(4, "big") + bytes(draw.choice((0, 7, 999, 70_000))) for number in range(400)
    ]
    with pair() as (provider, node):
        joined = in_background(lambda: [provider.receive(SECONDS) for _ in messages])
        for message in messages:
            node.send(message)
        assert joined() == messages


def test_both_may_send_before_either_receives():
    with pair() as (provider, node):

        def talk(stream):
            for _ in range(HELD_MESSAGES):
                stream.send(*[MEGABYTE] * 8)
            return [len(stream.receive(SECONDS)) for _ in range(HELD_MESSAGES)]

        joined = in_background(lambda: talk(provider))
        assert talk(node) == joined() == [8 * len(MEGABYTE)] * HELD_MESSAGES


def test_one_thread_sends_while_another_receives():
    with pair() as (provider, node):

        def send(stream):
            for number in range(60):
                stream.send(bytes([number]), MEGABYTE)
            return True

        def receive(stream):
            return [stream.receive(SECONDS)[0] for _ in range(60)]

        sent = [in_background(lambda stream=stream: send(stream)) for stream in (provider, node)]
        heard = in_background(lambda: receive(provider))
        assert receive(node) == heard() == list(range(60))
        assert all(joined() for joined in sent)


def test_a_sender_waits_for_a_slow_receiver_and_nothing_piles_up():
    with pair(send_seconds=1) as (provider, node):
        with pytest.raises(DeadlineError, match="taken what was sent in time"):
            send_for_ever(node)
        assert 0 < len(received_until_the_end(provider)) < 16  # what two kernels hold
        with pytest.raises(ChannelClosedError, match="within a message"):
            node.send(b"more")


def test_a_party_that_only_sends_holds_a_few_messages_of_the_other():
    with pair(send_seconds=1, server_settings={"send_seconds": 1}) as (provider, node):

        def send_only(stream):
            with pytest.raises((DeadlineError, ChannelClosedError)):
                send_for_ever(stream)
            return True

        joined = in_background(lambda: send_only(provider))
        assert send_only(node)
        assert joined()
        for stream in (provider, node):
            assert len(stream._inbox) <= HELD_MESSAGES


def test_a_receiver_that_runs_out_of_time_may_try_again():
    with pair() as (provider, node):
        with pytest.raises(DeadlineError, match="the provider at"):
            node.receive(0.1)
        provider.send(b"late")
        assert node.receive(SECONDS) == b"late"


def test_half_a_message_waits_for_its_other_half():
    with pair() as (provider, node):
        node._tls.encrypt(memoryview(b"\0\0\0\4ab"))
        node._tls.flush()
        with pytest.raises(DeadlineError, match="sent a whole message"):
            provider.receive(0.1)
        node._tls.encrypt(memoryview(b"cd"))
        node._tls.flush()
        assert provider.receive(SECONDS) == b"abcd"


def test_a_message_over_the_bound_is_not_sent():
    with pair(max_message_bytes=10) as (provider, node):
        with pytest.raises(MessageTooLargeError, match=r"11 bytes to send.*bound of 10"):
            node.send(b"12345", b"678901")
        node.send(b"1234567890")
        assert provider.receive(SECONDS) == b"1234567890"


def test_a_message_over_the_bound_is_refused_before_it_is_read():
    with pair(max_message_bytes=2**32) as (provider, node):
        node._tls.encrypt(memoryview((MAX_BYTES + 1).to_bytes(4, "big")))
        node._tls.flush()
        with pytest.raises(MessageTooLargeError, match="33,554,433 bytes announced by the other"):
            provider.receive(SECONDS)
        with pytest.raises(MessageTooLargeError):
            provider.send(b"hello")
        with pytest.raises(ChannelClosedError):
            node.receive(SECONDS)


def test_what_was_sent_before_the_end_still_comes():
    with pair() as (provider, node):
        for number in range(3):
            node.send(bytes([number]))
        node.close()
        assert [provider.receive(SECONDS)[0] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ChannelClosedError):
            provider.receive(SECONDS)


@pytest.mark.parametrize("act", ACTS)
def test_closing_ends_the_wait_of_another_thread(act):
    with pair() as (_, node):

        def wait():
            with pytest.raises(ChannelClosedError):
                ACTS[act](node)
            return True

        joined = in_background(wait)
        time.sleep(0.3)
        started = time.monotonic()
        node.close()
        assert joined()
        assert time.monotonic() - started < SOON_SECONDS


def test_closing_twice_changes_nothing():
    with pair() as (provider, node):
        for stream in (provider, node):
            stream.close()
            stream.close()
        with pytest.raises(ChannelClosedError, match="was closed here"):
            node.receive(1)


@pytest.mark.parametrize("act", ["receive", "send", "accept"])
def test_a_signal_ends_a_wait_soon(act):
    stopped = threading.Event()

    def check():
        if stopped.is_set():
            raise StoppedError(signal.SIGINT)

    with listening(check=check) as server, connected(server.endpoint, check=check) as node:
        server.accept(1, SECONDS)
        threading.Timer(0.3, stopped.set).start()
        started = time.monotonic()
        with pytest.raises(StoppedError):
            server.accept(2, SECONDS) if act == "accept" else ACTS[act](node)
        assert time.monotonic() - started < SOON_SECONDS


PROVIDER_PROCESS = """
import sys, time
from pathlib import Path
from fl_node.split.channel.keys import SessionKeys
from tests.split.parties import listening
keys = SessionKeys.load_or_create(Path(sys.argv[1]), "provider", days=1)
with listening({1: bytes.fromhex(sys.argv[2])}, keys=keys) as server:
    print(server.endpoint, flush=True)
    server.accept(1, 60)
    time.sleep(60)
"""


@pytest.mark.parametrize("act", ACTS)
def test_a_killed_peer_is_noticed_at_once(act, tmp_path):
    keys = SessionKeys.load_or_create(tmp_path, "provider", days=1)
    command = [sys.executable, "-c", PROVIDER_PROCESS, str(tmp_path), ANA.certificate.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        endpoint = process.stdout.readline().strip()
        with connected(endpoint, provider=keys.certificate) as node:
            threading.Timer(0.5, process.kill).start()
            started = time.monotonic()
            with pytest.raises(ChannelClosedError, match="connect again"):
                ACTS[act](node)
            assert time.monotonic() - started < SOON_SECONDS
        process.wait()
        with pytest.raises(ChannelClosedError, match=r"nobody answers at.*running"):
            connected(endpoint, provider=keys.certificate)


@pytest.fixture
def impatient(monkeypatch):
    """Let a machine that is gone be found out in two seconds instead of eleven."""
    for name in ("KEEPALIVE_SECONDS", "KEEPALIVE_EVERY_SECONDS", "UNANSWERED_SECONDS"):
        monkeypatch.setattr(tls, name, 1)
    monkeypatch.setattr(tls, "KEEPALIVE_TRIES", 2)


def test_a_machine_that_is_gone_is_noticed_by_who_waits_for_it(impatient):
    with pair() as (provider, node):
        time.sleep(0.3)  # what was said until now is acknowledged, or it would be said again
        fall_silent(provider)
        started = time.monotonic()
        with pytest.raises(ChannelClosedError, match="timed out"):
            node.receive(SECONDS)
        assert time.monotonic() - started < 8


def test_a_machine_that_is_gone_is_noticed_by_who_has_sent_to_it(impatient):
    with pair() as (provider, node):
        fall_silent(provider)
        node.send(b"are you there")
        started = time.monotonic()
        with pytest.raises(ChannelClosedError, match="has not answered"):
            node.receive(SECONDS)
        assert time.monotonic() - started < 8


def test_a_peer_that_is_only_slow_is_waited_for(impatient):
    with pair() as (provider, node):

        def send():
            for _ in range(20):
                node.send(MEGABYTE)
            return True

        joined = in_background(send)
        time.sleep(4)
        assert [len(provider.receive(SECONDS)) for _ in range(20)] == [len(MEGABYTE)] * 20
        assert joined()


def test_a_second_connection_takes_the_place_of_the_first():
    with listening() as server, connected(server.endpoint) as first:
        before = server.accept(1, SECONDS)

        def wait():
            with pytest.raises(ChannelClosedError):
                before.receive(SECONDS)
            return True

        joined = in_background(wait)
        with connected(server.endpoint) as second:
            after = server.accept(1, SECONDS)
            assert joined()
            with pytest.raises(ChannelClosedError):
                first.receive(SECONDS)
            second.send(b"back again")
            assert after.receive(SECONDS) == b"back again"
            assert server.streams == {1: after}


def test_nodes_have_streams_of_their_own():
    with (
        listening() as server,
        connected(server.endpoint, keys=BEN, node=2) as ben,
        connected(server.endpoint) as ana,
    ):
        ana.send(b"ana")
        ben.send(b"ben")
        assert server.accept(1, SECONDS).receive(SECONDS) == b"ana"
        assert server.accept(2, SECONDS).receive(SECONDS) == b"ben"


def test_a_stream_is_given_once():
    with listening() as server, connected(server.endpoint):
        server.accept(1, SECONDS)
        with pytest.raises(DeadlineError, match="node 1 has not connected in time"):
            server.accept(1, 0.1)


def test_many_connections_leave_nothing_behind(new_threads, new_files):
    with listening() as server:
        before = None
        for _ in range(60):
            with connected(server.endpoint) as node:
                node.send(b"x")
                assert server.accept(1, SECONDS).receive(SECONDS) == b"x"
                while len(new_threads()) > 1:
                    time.sleep(0.001)
                before = before or len(new_files())
        assert len(new_files()) <= before
    assert not new_threads()
    assert not new_files()


def test_closing_the_server_ends_everything_at_once(new_threads):
    with listening() as server, connected(server.endpoint) as node:
        stream = server.accept(1, SECONDS)
        started = time.monotonic()
        server.__exit__()
        assert time.monotonic() - started < SOON_SECONDS
        assert not new_threads()
        for each in (node, stream):
            with pytest.raises(ChannelClosedError):
                each.receive(SECONDS)
        with pytest.raises(ChannelClosedError, match="server was closed"):
            server.accept(1, SECONDS)

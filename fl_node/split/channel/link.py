"""One epoch's messages between two parties, over streams that break and come back.

Both begin each stream with a greeting that says which epoch they are in and how many of the other's
messages they hold; what the other does not hold is sent again, byte for byte, from the journal.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, ChannelClosedError, DeadlineError, SplitError
from fl_node.split.channel.stream import Stream

_SLICE_SECONDS = 0.25
_AGAIN_SECONDS = 0.3
_MAX_WORD_BYTES = 64 * 1024
_MOST = 2**32 - 1
_NUMBERS = 4


class _Kind(IntEnum):
    GREETING = 0
    MESSAGE = 1
    WORD = 2


_KINDS = frozenset(_Kind)
_NOTHING = memoryview(b"")


@dataclass(frozen=True)
class Greeting:
    """What a party says first.

    :ivar held: how many of the other's messages of this epoch it has
    :ivar samples: of this epoch, training and evaluation; the data owner knows them, the provider
        says (0, 0)
    """

    session: bytes
    epoch: int
    held: int
    samples: tuple[int, int]


class Desk(ABC):
    """What a link must know of the epoch that it carries."""

    @abstractmethod
    def greeting(self) -> Greeting:
        """Say what is held now."""

    @abstractmethod
    def sent_after(self, count: int) -> Iterator[tuple[bytes | memoryview, ...]]:
        """Give own messages again, without the first so many."""

    @abstractmethod
    def greeted(self, greeting: Greeting) -> None:
        """Take note of what the other said of this epoch.

        :raises SplitError: when the two cannot go on together
        """

    @abstractmethod
    def overtaken(self) -> None:
        """Learn that the other is in a later epoch already; raise to leave this one."""


class Link:
    """A stream to the other party that is made anew whenever it breaks."""

    def __init__(
        self,
        dial: Callable[[float], Stream],
        *,
        deadline_seconds: float,
        check: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        """Connect when the first message is due.

        :param dial: gives a stream within so many seconds, or raises `ChannelClosedError`
        :param deadline_seconds: how long the other party is waited for
        :param check: raises to end a wait
        :param say: takes a line whenever the stream breaks or is back
        """
        self._dial, self._check, self._say = dial, check, say
        self._deadline_seconds = deadline_seconds
        self._stream: Stream | None = None
        self._desk: Desk | None = None
        self._theirs: Greeting | None = None
        self._said = ""
        self.bytes_sent = 0
        self.bytes_received = 0

    def begin(self, desk: Desk) -> None:
        """Begin an epoch: greet, on the stream that is open or on the next one."""
        self._desk = desk
        if self._stream is not None:
            self._greet(self._stream)

    def connect(self) -> None:
        """Wait until both are in this epoch; what the other lacks is sent by then."""
        self._reconnect()

    def send(self, number: int, *pieces: bytes | memoryview) -> None:
        """Send one's ``number``-th message of the epoch, from 1; the journal has it already."""
        if self._stream is None:
            self._reconnect()  # which sends what the other does not hold, this one too
        elif number > self._held:
            self._try(lambda stream: self._put(stream, _Kind.MESSAGE, *pieces))

    def receive(self) -> memoryview:
        """Wait for the other's next message.

        :raises SplitError: when the deadline passes, or the two cannot go on together
        """
        return self._next(_Kind.MESSAGE)

    def tell(self, word: Mapping[str, Any]) -> None:
        """Say something about the epoch that is no message of the record; may get lost."""
        if self._stream is None:
            self._reconnect()
        content = json.dumps(word).encode()
        self._try(lambda stream: self._put(stream, _Kind.WORD, content))

    def hear(self, again: Mapping[str, Any]) -> dict[str, Any]:
        """Wait for such a word of the other's; say one's own again on each new stream.

        :raises SplitError: as :meth:`receive`, or for no JSON
        """
        return _word(self._next(_Kind.WORD, again))

    def close(self) -> None:
        """Let go of the stream."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._theirs = None

    def _next(self, wanted: _Kind, again: Mapping[str, Any] | None = None) -> memoryview:
        end = time.monotonic() + self._deadline_seconds
        while True:
            self._check()
            self._require_time(end)
            if self._stream is None:
                self._reconnect()
                if again is not None:
                    self.tell(again)
                continue
            kind, content = self._read(self._stream)
            if kind == wanted:
                return content
            if kind == _Kind.GREETING:
                self._note(content)
            elif kind == _Kind.MESSAGE:
                raise SplitError("the other party sent a message after the epoch's last one")
            # A word of an epoch that is over here, said again on a new stream, is dropped.

    def _read(self, stream: Stream) -> tuple[_Kind | None, memoryview]:
        try:
            content = stream.receive(_SLICE_SECONDS)
        except DeadlineError:
            return None, _NOTHING
        except ChannelClosedError as error:
            self._broken(error)
            return None, _NOTHING
        self.bytes_received += len(content)
        if not content or content[0] not in _KINDS:
            raise SplitError("the other party sent bytes that are of no kind known here")
        return _Kind(content[0]), content[1:]

    def _reconnect(self) -> None:
        end = time.monotonic() + self._deadline_seconds
        while self._stream is None:
            self._check()
            self._require_time(end)
            try:
                self._stream = self._dial(_SLICE_SECONDS)
            except (ChannelClosedError, DeadlineError) as error:
                self._waits(str(error))
                self._pause(_AGAIN_SECONDS)
                continue
            self._greet(self._stream)
        self._waits("")

    def _greet(self, stream: Stream) -> None:
        """Say which epoch this is, wait until the other is in it, and send what it lacks."""
        desk = self._current()
        greeting = _encoded(desk.greeting())
        self._try(lambda stream: self._put(stream, _Kind.GREETING, greeting))
        end = time.monotonic() + self._deadline_seconds
        while self._stream is stream and not self._is_greeted(desk):
            self._check()
            self._require_time(end)
            kind, content = self._read(stream)
            if kind == _Kind.GREETING:
                self._note(content)
        if self._stream is stream and self._theirs is not None:
            desk.greeted(self._theirs)
            self._try(lambda stream: self._send_again(stream, desk.sent_after(self._held)))

    @property
    def _held(self) -> int:
        return self._theirs.held if self._theirs is not None else 0

    def _send_again(
        self, stream: Stream, messages: Iterator[tuple[bytes | memoryview, ...]]
    ) -> None:
        for pieces in messages:
            self._put(stream, _Kind.MESSAGE, *pieces)

    def _current(self) -> Desk:
        if self._desk is None:
            raise SplitError("an epoch begins before its first message: none has")
        return self._desk

    def _is_greeted(self, desk: Desk) -> bool:
        if self._theirs is None:
            return False
        if self._theirs.session != desk.greeting().session:
            raise SplitError("the other party is in another session: see both settings")
        return self._theirs.epoch == desk.greeting().epoch

    def _note(self, content: memoryview) -> None:
        """Keep the other's newest greeting: each is sent once on a stream, an epoch each."""
        self._theirs = _decoded(content)
        desk = self._current()
        if self._theirs.epoch > desk.greeting().epoch:
            desk.overtaken()

    def _put(self, stream: Stream, kind: _Kind, *pieces: bytes | memoryview) -> None:
        stream.send(bytes([kind]), *pieces)
        self.bytes_sent += sum(map(len, pieces)) + 1

    def _try(self, act: Callable[[Stream], None]) -> None:
        if self._stream is None:
            return
        try:
            act(self._stream)
        except ChannelClosedError as error:
            self._broken(error)

    def _broken(self, error: ChannelClosedError) -> None:
        self._say(f"connection lost: {error}")
        self.close()

    def _waits(self, reason: str) -> None:
        if reason and reason != self._said:
            self._say(f"waits for the other party: {reason}")
        self._said = reason

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)
        self._check()

    def _require_time(self, end: float) -> None:
        if time.monotonic() > end:
            raise SilentError(
                f"the other party said nothing for {self._deadline_seconds:g} s, the plan's "
                "deadline: the session ends here; the same command goes on from here later"
            )


class SilentError(SplitError):
    """The other party has said nothing for as long as the plan allows."""


def _encoded(greeting: Greeting) -> bytes:
    return json.dumps(
        {
            "session": greeting.session.hex(),
            "epoch": greeting.epoch,
            "held": greeting.held,
            "samples": list(greeting.samples),
        }
    ).encode()


def _decoded(content: memoryview) -> Greeting:
    said = _word(content)
    numbers = [said.get("epoch"), said.get("held"), *_listed(said.get("samples"))]
    session = said.get("session")
    if not isinstance(session, str) or len(numbers) != _NUMBERS:
        raise SplitError("the other party's greeting is not as it should be")
    if not all(type(each) is int and 0 <= each <= _MOST for each in numbers):
        raise SplitError("the other party's greeting has impossible numbers")
    epoch, held, training, evaluation = numbers
    try:
        return Greeting(bytes.fromhex(session), epoch, held, (training, evaluation))
    except ValueError as error:
        raise SplitError("the other party's greeting names no session") from error


def _word(content: memoryview) -> dict[str, Any]:
    if len(content) > _MAX_WORD_BYTES:
        raise SplitError(f"a word of up to {_MAX_WORD_BYTES} bytes was expected")
    try:
        said = parse_json(bytes(content))
    except CanonicalError as error:
        raise SplitError(f"the other party said what is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise SplitError("the other party said what is no JSON object")
    return said


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

"""A Kubo daemon's API over ipfshttpclient; that package's types and exceptions end here."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead
from typing import Any
from urllib.parse import urlencode, urlsplit

from ipfshttpclient import Client, exceptions
from ipfshttpclient.http_common import ClientSyncBase, multiaddr_to_url_data

from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, StoreError, StoreUnreachableError
from fl_node.store.exchange import Answer, BrokenOffError, post

CALL_SECONDS = 30.0
# A restart takes 0.1 to 0.5 s, on a busy machine a few.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
_UPLOAD_PIECE_BYTES = 262_144
_MAX_ANSWER_BYTES = 4 * 1024 * 1024  # of everything but contents
_CONTENT = "cat"
_SHOWN_LETTERS = 300
_DONE = 200


class RefusedError(StoreError):
    """The daemon understood, and says why it does not do it.

    :ivar reason: in its words
    """

    def __init__(self, address: str, asked: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{address} was asked {asked}, it says: {reason}")


class PartError(StoreError):
    """The daemon is there, and ended a content before its end."""


class SlowError(StoreUnreachableError):
    """The daemon is there and did not finish in time."""


class KuboApi:
    """A daemon's API: each call within its time, again for a few seconds if the daemon is away."""

    def __init__(self, address: str, pauses_seconds: Sequence[float] = PAUSES_SECONDS) -> None:
        """Prepare; nothing is asked yet.

        :param address: multiaddress, such as ``/ip4/127.0.0.1/tcp/5001``
        :param pauses_seconds: between attempts to reach it
        :raises StoreError: when the address is none of a host and a port
        """
        self.address = address
        self.pauses_seconds = tuple(pauses_seconds)
        with self.errors("its address"):
            self._transport = _Transport(address, "api/v0")
            self._client = Client(address, chunk_size=_UPLOAD_PIECE_BYTES)
        self._client._client = self._transport

    def hasty(self) -> "KuboApi":
        """Give the same daemon, asked once only."""
        return KuboApi(self.address, ())

    def ask(self, asked: str, call: Callable[[Any], Any]) -> dict[str, Any]:
        """Call until it is reached, for a few seconds; give what it answers.

        :param call: takes an ``ipfshttpclient.Client``; calls one method that answers one object
        :raises StoreUnreachableError: when it is away, or does not answer in time
        :raises RefusedError: when it says that it cannot
        :raises StoreError: when what answers is no Kubo
        """
        for pause_seconds in self.pauses_seconds:
            try:
                return self.ask_once(asked, call)
            except SlowError:
                raise
            except StoreUnreachableError:
                time.sleep(pause_seconds)
        return self.ask_once(asked, call)

    def ask_once(self, asked: str, call: Callable[[Any], Any]) -> dict[str, Any]:
        """Call, without a second attempt; raises as :meth:`ask`."""
        with self.errors(asked):
            answer: dict[str, Any] = call(self._client).as_json()
            return answer

    def connect(self, addresses: Sequence[str], timeout_seconds: float) -> None:
        """Have it connect to a peer; raises as :meth:`ask`.

        Not by the package's own call, which asks for an address's letters (0.8.0a2).
        """
        with self.errors(f"to connect to {' or '.join(addresses)}"):
            self._transport.request(
                "/swarm/connect", addresses, decoder="json", timeout=timeout_seconds
            )

    def content(self, asked: str, call: Callable[[Any], Any]) -> Iterator[bytes]:
        """Call for a content, in pieces as they come; raises as :meth:`ask`, at any piece."""
        with self.errors(asked), call(self._client) as pieces:
            yield from pieces

    @contextmanager
    def errors(self, asked: str) -> Iterator[None]:
        """Make the package's exceptions ours."""
        try:
            yield
        except exceptions.TimeoutError as error:
            raise SlowError(f"{self.address} was asked {asked} and is not done in time") from error
        except exceptions.ConnectionError as error:
            raise StoreUnreachableError(
                f"{self.address} was asked {asked}, found: {shown(error.original)}; "
                "see that the IPFS daemon runs: make devnet-status"
            ) from error
        except exceptions.PartialErrorResponse as error:
            raise PartError(f"{self.address} was asked {asked}, it broke off: {error}") from error
        except exceptions.ErrorResponse as error:
            raise RefusedError(self.address, asked, shown(error)) from error
        except exceptions.AddressError as error:
            raise StoreError(
                "the API of an IPFS daemon is an address such as /ip4/127.0.0.1/tcp/5001, "
                f"found {self.address!r}"
            ) from error
        except (exceptions.Error, KeyError) as error:  # it looks for a refusal's message unasked
            raise self.no_kubo(asked, error) from error

    def no_kubo(self, asked: str, found: object) -> StoreError:
        """Say that an answer is none that Kubo gives."""
        return StoreError(
            f"{self.address} was asked {asked} and does not answer as Kubo does: {shown(found)}; "
            "see what listens there"
        )


def shown(found: object) -> str:
    """Cut what a stranger says to one short line."""
    line = " ".join(str(found).split())
    printable = "".join(letter if letter.isprintable() else "?" for letter in line)
    return printable[:_SHOWN_LETTERS]


class _Transport(ClientSyncBase):  # type: ignore[misc]  # untyped
    """HTTP for the package's client, instead of its own.

    That one waits its timeout anew for every byte, holds chunks and errors of any size, and follows
    redirections and proxies.
    """

    def _init(self, address: str, base: str, **_: object) -> None:
        url, unix_path, _, _ = multiaddr_to_url_data(address, base)
        parts = urlsplit(url)
        if unix_path or parts.scheme != "http" or not parts.hostname or not parts.port:
            raise exceptions.AddressError(address)
        self._host = (parts.hostname, parts.port)
        self._base = parts.path

    def _make_session(self) -> None:
        """Keep nothing open between calls: a restarted daemon has closed it."""

    def _request(
        self,
        _method: str,
        path: str,
        params: Sequence[tuple[str, object]],
        *,
        data: Any,
        headers: Any,
        timeout: float | None,
        **_: object,
    ) -> tuple[list[Any], Iterator[bytes]]:
        command = path.strip("/")
        spelt = [(key, _spelt(value)) for key, value in params]
        # An address from the daemon itself may have letters that no text has.
        target = f"{self._base}{command}?{urlencode(spelt, errors='replace')}"
        seconds = CALL_SECONDS if timeout is None else timeout
        with _transport_errors():
            answer = post(self._host, target, data, headers or {}, seconds)
        if answer.status == _DONE and command == _CONTENT:
            return [answer], _guarded(answer)
        return [], _once(_whole(answer))


def _spelt(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _guarded(answer: Answer) -> Iterator[bytes]:
    with _transport_errors():
        yield from answer.pieces()


def _once(content: bytes) -> Iterator[bytes]:
    """Give a content as the package wants it: it closes what it has not read to the end."""
    yield content


def _whole(answer: Answer) -> bytes:
    """Read an answer that should be one JSON object; what says why not is one too."""
    try:
        content = bytearray()
        for piece in _guarded(answer):
            content += piece
            if len(content) > _MAX_ANSWER_BYTES:
                raise exceptions.ProtocolError(
                    None, f"more than {_MAX_ANSWER_BYTES} bytes where a short answer was expected"
                )
    finally:
        answer.close()
    found = _object(bytes(content), answer.status)
    if answer.status == _DONE:
        return bytes(content)
    if not isinstance(found.get("Message"), str):
        raise exceptions.StatusError(None, f"HTTP status {answer.status}")
    raise exceptions.ErrorResponse(found["Message"], None)


def _object(content: bytes, status: int) -> dict[str, Any]:
    try:
        found = parse_json(content)
    except CanonicalError as error:
        raise exceptions.ProtocolError(None, f"HTTP status {status}, {error}") from error
    if not isinstance(found, dict):
        raise exceptions.ProtocolError(None, "one JSON object was expected, found another value")
    return found


@contextmanager
def _transport_errors() -> Iterator[None]:
    """Say what the package's own HTTP would say."""
    try:
        yield
    except TimeoutError as error:
        raise exceptions.TimeoutError(error) from error
    except (OSError, IncompleteRead) as error:  # the first also when it hangs up without a word
        raise exceptions.ConnectionError(error) from error
    except BrokenOffError as error:
        raise exceptions.PartialErrorResponse(str(error)) from error
    except HTTPException as error:
        raise exceptions.ProtocolError(error) from error

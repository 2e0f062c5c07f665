"""Both parties in this process, each in a thread, over real sockets and without a chain."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fl_node.split.channel import keys as split_keys
from fl_node.split.channel.client import connect
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.channel.link import Link
from fl_node.split.channel.server import Server
from fl_node.split.conversation import Conversation, EpochStart
from fl_node.split.data_owner import DataOwner
from fl_node.split.draft import SplitDraft
from fl_node.split.epoch import EpochRun, Turn
from fl_node.split.provider import Provider
from fl_node.split.record.history import Peer
from fl_node.split.record.journal import Journal
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.signed import SignedRecord, session_id
from fl_node.split.wire.boundaries import Boundaries

CONTRACT = "0x" + "52" * 20
SESSION = session_id(1337, CONTRACT, 1)
_DEADLINE_SECONDS = 30


class _OverError(Exception):
    """The other party has failed."""


@dataclass
class Duet:
    """A data owner and a provider.

    :ivar measured: by epoch, what the data owner's evaluation gave
    :ivar leaves: by party, of the last epoch that was run
    """

    folder: Path
    draft: SplitDraft
    data: Any
    test: Any = None
    measured: dict[int, Mapping[str, float]] = field(default_factory=dict)
    leaves: dict[Party, list[bytes]] = field(default_factory=dict)
    session: bytes = SESSION
    root: bytes = SESSION
    node: int = 1

    def __post_init__(self) -> None:
        self.keys = {party: SessionKeys.create(party.value, 1) for party in Party}
        self.boundaries = Boundaries.of_plan(self.draft.plan)
        plan, initial = self.draft.plan, self.draft.initial
        self.owner = DataOwner(plan, self.node, initial, self.data, self.test)
        self.provider = Provider(plan, self.draft.upper, node=self.node)
        self.owner.begin()
        self.provider.begin()

    def play(self, epoch: int, watch: Callable[[int, Any], None] = lambda *_: None) -> None:
        """Run an epoch to its end."""
        failures: list[BaseException] = []
        self._is_over = False

        def acts(party: Party, watch: Callable[[int, Any], None] = lambda *_: None) -> None:
            try:
                self.act(party, epoch, watch)
            except _OverError:
                pass
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)
                self._is_over = True

        with self._listening():
            thread = threading.Thread(target=acts, args=(Party.PROVIDER,))
            thread.start()
            acts(Party.NODE, watch)
            thread.join()
        if failures:
            raise failures[0]
        assert self.leaves[Party.NODE] == self.leaves[Party.PROVIDER]

    def stop_after(self, patched: Any, step: int, phase: Phase, error: type[Exception]) -> None:
        """Let a party raise once a message of its own is kept and sent; the other is left alone."""
        link_send = Link.send

        def send(link: Link, number: int, *pieces: bytes) -> None:
            link_send(link, number, *pieces)
            record = SignedRecord.decode(pieces[0]).record
            if (record.step, record.phase) == (step, phase):
                raise error

        patched.setattr(Link, "send", send)

    def act(
        self, party: Party, epoch: int, watch: Callable[[int, Any], None] = lambda *_: None
    ) -> None:
        folder = self.folder / party.value
        link = self._link(party)
        with Journal(folder, self.session, epoch, lambda _: None) as journal, closing(link):
            conversation = self.conversation(party, epoch, journal, link)
            conversation.open()
            run = EpochRun(
                folder=folder / self.session.hex(),
                turn=Turn(epoch, self.node),
                journal=journal,
                learner=self.owner if party is Party.NODE else self.provider,
                snapshot_steps=self.draft.plan.snapshot_steps,
                watch=watch,
                is_last=self._is_last(epoch),
            )
            found = run.run(conversation)
            if party is Party.NODE:
                self.measured[epoch] = found
            self.leaves[party] = journal.leaves()
            self.root = conversation.history.tree().root

    def _is_last(self, epoch: int) -> bool:
        plan = self.draft.plan
        return plan.is_parallel or epoch == plan.training.epochs

    def conversation(self, party: Party, epoch: int, journal: Journal, link: Link) -> Conversation:
        other = party.other
        return Conversation(
            EpochStart(self.session, epoch, self.root if epoch > 1 else self.session),
            self.boundaries,
            party=party,
            peer=Peer(other, self._who(other), partial(split_keys.verify, self.keys[other].key)),
            sign=self.keys[party].sign,
            journal=journal,
            link=link,
            is_recorded=lambda: False,
            samples=self.owner.samples if party is Party.NODE else (0, 0),
        )

    def _who(self, party: Party) -> str:
        return "the provider" if party is Party.PROVIDER else f"node {self.node}"

    def _link(self, party: Party) -> Link:
        dial = self._accept if party is Party.PROVIDER else self._connect
        return Link(dial, deadline_seconds=_DEADLINE_SECONDS, check=self._check, say=lambda _: None)

    def _check(self) -> None:
        if self._is_over:
            raise _OverError

    def _accept(self, seconds: float) -> Any:
        return self.server.accept(self.node, seconds)

    def _connect(self, seconds: float) -> Any:
        return connect(
            self.server.endpoint,
            keys=self.keys[Party.NODE],
            node=self.node,
            provider=self.keys[Party.PROVIDER].certificate,
            max_message_bytes=self.boundaries.max_bytes() + 4096,
            timeout_seconds=max(seconds, 5),
            send_seconds=_DEADLINE_SECONDS,
        )

    @contextmanager
    def _listening(self) -> Iterator[None]:
        with Server(
            self.keys[Party.PROVIDER],
            lambda: {self.node: self.keys[Party.NODE].certificate},
            port=0,
            max_message_bytes=self.boundaries.max_bytes() + 4096,
            send_seconds=_DEADLINE_SECONDS,
            say=lambda _: None,
        ) as self.server:
            yield

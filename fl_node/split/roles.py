"""From a host's settings to a party of split learning, waiting for what is not there yet."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock

from fl_node.chain.accounts import Signer, lock_account
from fl_node.chain.epoch_signature import recover_epoch, sign_epoch
from fl_node.chain.epochs import PROVIDER, Announcement
from fl_node.chain.session_timeline import SessionTimeline, read_session_timeline
from fl_node.config import FILE_NAME, Settings, load_settings
from fl_node.connect import open_signer, threads_of
from fl_node.errors import LedgerError, PlanError, SplitError
from fl_node.patience import Patience
from fl_node.split import parallel, turns
from fl_node.split.averages import Average, Averages
from fl_node.split.channel.client import connect
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.channel.link import Link
from fl_node.split.channel.server import Server
from fl_node.split.channel.stream import Stream
from fl_node.split.data_owner import DataOwner
from fl_node.split.epoch import Learner
from fl_node.split.leakage.alarm import guard_of
from fl_node.split.opening import OpenedSession, open_session
from fl_node.split.progress import Progress, ProgressFile
from fl_node.split.provider import Provider
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import LEAF_BYTES, session_id
from fl_node.split.serial import serial
from fl_node.split.session import SessionParty, Signatures
from fl_node.split.upper import FOLDER, UpperPart
from fl_node.split.wire.boundaries import Boundaries
from fl_node.split.words import what_crosses

_LOOK_SECONDS = 0.5
_CERTIFICATE_DAYS = 90
_LEAST_VALID_SECONDS = 86_400
_WORD_BYTES = 64 * 1024
_DIAL_SECONDS = 5

Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Surroundings:
    """What a role needs of the process that it runs in.

    :ivar say: takes a line for people
    :ivar tell: takes progress
    """

    patience: Patience
    say: Callable[[str], None]
    tell: Tell

    def pause(self, reason: str) -> None:
        """Wait a moment for something, and say for what."""
        self.patience.waits_for(reason)
        self.patience.pause(_LOOK_SECONDS)


def provide_all(
    home: Path, around: Surroundings, average: Average, *, host: str, port: int
) -> None:
    """Be the AI provider until every node's last epoch is recorded.

    :param average: of what data owners in parallel bring
    :param host: the address to listen at
    :param port: 0 for any that is free
    :raises FlnodeError: when it cannot go on
    """
    with _member(home, around) as member:
        opened, timeline = member.opened, member.timeline()
        if member.signer.address != timeline.provider:
            raise LedgerError(
                f"{member.signer.address} is not the provider of {opened.ledger.contract}, which "
                f"is {timeline.provider}: use that account's host"
            )
        nodes = sorted(node for node in timeline.accounts if node != PROVIDER)
        if not nodes:
            raise LedgerError(
                f"{opened.ledger.contract} has no data owner: its owner registers them"
            )
        learners = _learners(member, nodes)
        keys = member.keys()
        with _server(member, keys, host, port) as server:
            member.announce(PROVIDER, keys, server.endpoint)
            parties = _sessions(member, server, keys, learners)
            try:
                _provide(member, parties, average)
            finally:
                for party in parties.values():
                    party.link.close()


def train_all(home: Path, node: int | None, around: Surroundings, average: Average) -> None:
    """Be a data owner until its last epoch is recorded.

    :param node: None asks the chain which node the account is
    :param average: of what data owners in parallel bring
    :raises FlnodeError: when it cannot go on
    """
    with _member(home, around) as member:
        opened, settings = member.opened, member.settings
        member.require_consent()
        number = member.number(node)
        data, test = opened.data(home, settings.data, number)
        for line in what_crosses(opened.plan, data):
            around.say(line)
        initial, threads = opened.initial(), threads_of(settings)
        guard = guard_of(
            settings.split_alarm,
            opened.plan,
            number,
            initial,
            data,
            say=around.say,
            threads=threads,
        )
        learner = DataOwner(opened.plan, number, initial, data, test, threads=threads, guard=guard)
        keys = member.keys()
        member.announce(number, keys, "")
        provider = member.wait_announced(PROVIDER, "the provider")
        link = member.link(_connecting(member, keys, number))
        party = member.party(Party.NODE, number, keys, learner, link, provider.key)
        try:
            _train(member, party, average)
        finally:
            link.close()


@dataclass(frozen=True)
class _Member:
    """A host that takes part."""

    home: Path
    settings: Settings
    signer: Signer
    opened: OpenedSession
    around: Surroundings

    @property
    def folder(self) -> Path:
        """Where keys, journals and checkpoints of this contract are."""
        return self.home / FOLDER / self.opened.ledger.contract

    def timeline(self) -> SessionTimeline:
        return self.around.patience.until(lambda: read_session_timeline(self.opened.ledger))

    def number(self, named: int | None) -> int:
        """Give the account's node.

        :param named: what it is said to be
        """
        timeline, contract = self.timeline(), self.opened.ledger.contract
        found = timeline.node_of(self.signer.address)
        if not found:
            raise LedgerError(
                f"{self.signer.address} is no node of {contract}: ask its owner to register it"
            )
        if named not in (None, found):
            raise LedgerError(
                f"{self.signer.address} is node {found} of {contract}, not node {named}: use that "
                "node's host, or leave out --node-id"
            )
        return found

    def require_consent(self) -> None:
        """Refuse a plan that the settings do not accept."""
        if self.settings.plan != str(self.opened.plan.cid):
            raise PlanError(
                f"this node accepts {self.settings.plan or 'no plan yet'}, the contract's plan is "
                f"{self.opened.plan.cid}: read it, and write its CID as plan in {FILE_NAME}"
            )

    def keys(self) -> SessionKeys:
        """Give the keys of this contract, new ones where they are about to expire."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{self.opened.ledger.contract[2:10]} {self.signer.address[2:10]}"
        return SessionKeys.load_or_create(self.folder, name, _CERTIFICATE_DAYS)

    def announce(self, node: int, keys: SessionKeys, endpoint: str) -> None:
        """Make sure that the chain has these keys and this endpoint."""
        now = self.opened.ledger.now()
        if keys.expires - now < _LEAST_VALID_SECONDS:
            raise SplitError(
                f"the certificate in {self.folder} ends within a day: move its keys away, so that "
                "new ones are drawn"
            )
        wanted = Announcement(node, keys.key, keys.certificate, endpoint, keys.expires)
        if self.timeline().announcement(node, now) != wanted:
            self.opened.ledger.announce(wanted)

    def wait_announced(self, node: int, who: str) -> Announcement:
        """Wait until a party has said how it is reached."""
        while (said := self.announced(node)) is None:
            self.around.pause(f"{who} has announced nothing yet: start it")
        return said

    def announced(self, node: int) -> Announcement | None:
        """Give what a party said last, if it still holds."""
        return self.timeline().announcement(node, self.opened.ledger.now())

    def link(self, dial: Callable[[float], Stream]) -> Link:
        """Make a link that has not dialled yet."""
        return Link(
            dial,
            deadline_seconds=self.opened.plan.deadline_seconds,
            check=self.around.patience.check,
            say=self.around.say,
        )

    def party(
        self,
        party: Party,
        node: int,
        keys: SessionKeys,
        learner: Learner,
        link: Link,
        peer_key: bytes | None = None,
    ) -> SessionParty:
        """Put one side of a session together."""
        ledger, plan = self.opened.ledger, self.opened.plan
        session = session_id(ledger.chain_id, ledger.contract, node)
        folder = self.folder / session.hex()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        first = Progress(party.value, node, plan.training.epochs)
        known = partial(self._key_of, PROVIDER if party is Party.NODE else node)
        return SessionParty(
            party=party,
            node=node,
            session=session,
            plan=plan,
            ledger=ledger,
            store=self.opened.store,
            home=self.folder,
            keys=keys,
            peer_key=known if peer_key is None else lambda: peer_key,
            signatures=self._signatures(),
            learner=learner,
            link=link,
            progress=ProgressFile(folder, first, self.around.tell),
            check=self.around.patience.check,
            say=self.around.say,
        )

    def _key_of(self, node: int) -> bytes:
        return self.wait_announced(node, f"node {node}" if node else "the provider").key

    def _signatures(self) -> Signatures:
        ledger = self.opened.ledger
        chain_id, contract = ledger.chain_id, ledger.contract
        return Signatures(
            lambda record: sign_epoch(self.signer, record, chain_id, contract),
            lambda record, signature: recover_epoch(record, signature, chain_id, contract),
        )


@contextmanager
def _member(home: Path, around: Surroundings) -> Iterator[_Member]:
    """Lend a host's part in split learning; its account is locked meanwhile."""
    signer = open_signer(home, load_settings(home))
    with lock_account(signer.address):
        settings = _joined(home, around)
        opened = around.patience.until(lambda: open_session(home, settings, signer))
        yield _Member(home, settings, signer, opened, around)
        opened.ledger.wait_settled()


def _joined(home: Path, around: Surroundings) -> Settings:
    while not (settings := load_settings(home)).federation:
        around.pause(f"{home / FILE_NAME} names no contract yet: flnode deploy PLAN.toml makes one")
    return settings


def _learners(member: _Member, nodes: Sequence[int]) -> dict[int, Learner]:
    """Build the upper part: one for all nodes in turns, one for each in parallel."""
    plan, threads = member.opened.plan, threads_of(member.settings)
    upper = UpperPart.load(member.home, plan.cid, plan.upper)
    if not plan.is_parallel:
        return dict.fromkeys(nodes, Provider(plan, upper, threads=threads))
    count = len(nodes)
    return {
        node: Provider(plan, upper, node=node, threads=threads, at_once=count) for node in nodes
    }


def _sessions(
    member: _Member, server: Server, keys: SessionKeys, learners: Mapping[int, Learner]
) -> dict[int, SessionParty]:
    """Put the provider's side of each node's session together; they may run side by side."""
    lock = Lock()
    opened = replace(
        member.opened,
        ledger=serial(member.opened.ledger, lock),
        store=serial(member.opened.store, lock),
    )
    shared = replace(member, opened=opened)
    return {
        node: shared.party(
            Party.PROVIDER, node, keys, learner, shared.link(_accepting(server, node))
        )
        for node, learner in learners.items()
    }


def _provide(member: _Member, parties: Mapping[int, SessionParty], average: Average) -> None:
    plan = member.opened.plan
    epochs = plan.training.epochs
    if not plan.is_parallel:
        turns.provide(turns.all_turns(epochs, list(parties)), parties)
        return
    for node in parties:
        member.wait_announced(node, f"node {node}")
    initial = next(iter(parties.values())).learner.initial
    averages = Averages(
        member.folder,
        plan.training,
        initial,
        average,
        lambda epoch, _: parallel.shares_of(parties, epoch),
    )
    parallel.provide(parties, averages, epochs, member.around.say)


def _train(member: _Member, party: SessionParty, average: Average) -> None:
    opened, epochs = member.opened, member.opened.plan.training.epochs
    nodes = sorted(node for node in member.timeline().accounts if node != PROVIDER)
    owner = party, opened.ledger, opened.store, party.keys, member.around.pause
    if not opened.plan.is_parallel:
        turns.Relay(*owner, turns.all_turns(epochs, nodes)).run()
        return
    ring = parallel.Ring(*owner, nodes, epochs)
    training, initial = opened.plan.training, party.learner.initial
    ring.run(Averages(member.folder, training, initial, average, ring.shares))


def _max_message_bytes(opened: OpenedSession) -> int:
    return max(Boundaries.of_plan(opened.plan).max_bytes() + LEAF_BYTES, _WORD_BYTES) + 1


def _server(member: _Member, keys: SessionKeys, host: str, port: int) -> Server:
    def admitted() -> Mapping[int, bytes]:
        timeline = read_session_timeline(member.opened.ledger)
        now = time.time()
        said = {node: timeline.announcement(node, now) for node in timeline.accounts if node}
        return {node: each.certificate for node, each in said.items() if each is not None}

    return Server(
        keys,
        admitted,
        host=host,
        port=port,
        max_message_bytes=_max_message_bytes(member.opened),
        send_seconds=member.opened.plan.deadline_seconds,
        say=member.around.say,
        check=member.around.patience.check,
    )


def _accepting(server: Server, node: int) -> Callable[[float], Stream]:
    return lambda seconds: server.accept(node, seconds)


def _connecting(member: _Member, keys: SessionKeys, node: int) -> Callable[[float], Stream]:
    """Dial where the provider says it is now: it may come back elsewhere."""

    def dial(_: float) -> Stream:
        provider = member.announced(PROVIDER)
        if provider is None:
            raise SplitError("the provider's announcement has expired: start the provider again")
        return connect(
            provider.endpoint,
            keys=keys,
            node=node,
            provider=provider.certificate,
            max_message_bytes=_max_message_bytes(member.opened),
            timeout_seconds=_DIAL_SECONDS,
            send_seconds=member.opened.plan.deadline_seconds,
            check=member.around.patience.check,
        )

    return dial

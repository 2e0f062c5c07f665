"""What a party refuses: by name, saying whose it is and where, and nothing of it is used."""

import socket
import threading
from contextlib import contextmanager

import pytest

from fl_node.errors import MessageTooLargeError, SplitError
from fl_node.split.channel.link import Link
from fl_node.split.record.journal import Journal, journal_folder
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.refusal import Refusal, RefusedError
from fl_node.split.record.schedule import Place
from fl_node.split.record.signed import SignedRecord
from fl_node.training.dataset import Dataset
from tests.split.devnet import small
from tests.split.devnet.lies import LABELS, LIES, Said
from tests.split.duet import SESSION, Duet

pytestmark = pytest.mark.slow

STEP = 4  # of the lie
WHO = {Party.NODE: "node 1", Party.PROVIDER: "the provider"}
TABLES = {"vanilla": small.VANILLA, "u-shaped": small.U_SHAPED}
PHASES = [
    ("vanilla", Phase.GRADIENTS),
    ("vanilla", Phase.ACTIVATIONS),
    ("u-shaped", Phase.FEATURES),
    ("u-shaped", Phase.FEATURE_GRADIENTS),
]
CASES = [
    (which, phase, name)
    for which, phase in PHASES
    for name in (LIES if which == "vanilla" else ["NaN", "another shape", "of the batch before"])
] + [("vanilla", Phase.ACTIVATIONS, name) for name in LABELS]


def _data(samples):
    inputs, labels = samples
    return Dataset((inputs,), labels)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One duet of each configuration: its graphs are traced once."""
    return {
        which: Duet(
            tmp_path_factory.mktemp(which),
            small.draft({**table, "snapshot_steps": 1}),
            _data(small.load(1)),
        )
        for which, table in TABLES.items()
    }


@pytest.fixture
def duet(built, tmp_path):
    def begun(which):
        found = built[which]
        found.folder = tmp_path
        found.owner.begin()
        found.provider.begin()
        return found

    return begun


@contextmanager
def telling(monkeypatch, phase, said):
    """Let the sender of a phase send something else in one step."""
    plain, before = Link.send, {}

    def send(link, number, *pieces):
        message = Message(SignedRecord.decode(pieces[0]), pieces[1])
        place = Place(message.record.step, message.record.phase)
        if place == Place(STEP, phase):
            pieces = said(link, message, before[phase])
        before[place.phase] = message
        plain(link, number, *pieces)

    with monkeypatch.context() as patched:
        patched.setattr(Link, "send", send)
        yield


def assert_as_before(duet, party):
    """See that the honest party's state is that of the step before, and its journal too."""
    learner = duet.owner if party is Party.NODE else duet.provider
    home = duet.folder / party.value
    with Journal(home, SESSION, 1, lambda _: None) as journal:
        assert journal.snapshot_steps()[0] == STEP - 1
        before = journal.snapshot(STEP - 1).read_bytes()
        theirs = [p for p in journal.places() if p.step == STEP and p.phase.sender is not party]
    assert learner.snapshots.take(1, STEP - 1).encode() == before
    return theirs


@pytest.mark.parametrize(("which", "phase", "name"), CASES)
def test_a_lie_is_refused_by_name_and_nothing_of_it_is_used(
    duet, monkeypatch, which, phase, name
) -> None:
    lie, played, liar = (LIES | LABELS)[name], duet(which), phase.sender
    honest = liar.other

    def said(_link, message, before):
        return lie.tell(Said(message, before, played.keys[liar].sign))

    with telling(monkeypatch, phase, said), pytest.raises(RefusedError) as caught:
        played.play(1)
    error = caught.value
    assert (error.refusal, error.who) == (lie.refusal, WHO[liar])
    assert error.step == STEP + lie.steps_off or lie.refusal is Refusal.WRONG_SIGNATURE
    assert str(error).startswith(f"{WHO[liar]} was refused in epoch ")
    assert "\n" not in str(error)
    kept = assert_as_before(played, honest)
    assert phase not in {place.phase for place in kept}
    folder = journal_folder(played.folder / honest.value, SESSION, 1)
    assert (folder / f"refused-{error.step}-{lie.refusal.label}").exists()


@pytest.mark.parametrize("phase", [Phase.GRADIENTS, Phase.ACTIVATIONS])
def test_more_bytes_than_any_message_has_are_refused_before_they_are_read(
    duet, monkeypatch, phase
) -> None:
    played = duet("vanilla")
    too_many = played.boundaries.max_bytes() + 2**16

    def said(link, *_):
        link._stream.allow(2**30, 30)
        return (bytes(too_many),)

    with telling(monkeypatch, phase, said), pytest.raises(MessageTooLargeError, match="the bound"):
        played.play(1)
    liar = phase.sender
    assert_as_before(played, liar.other)


@pytest.mark.parametrize("content", [b"", b"\x09rubbish", b"\x00no json", b'\x00{"epoch": -1}'])
def test_bytes_of_no_kind_end_the_session_in_one_line(duet, monkeypatch, content) -> None:
    played = duet("vanilla")

    def said(link, *_):
        link._stream.send(content)
        return ()

    with telling(monkeypatch, Phase.GRADIENTS, said), pytest.raises(SplitError) as caught:
        played.play(1)
    assert str(caught.value).startswith("the other party")
    assert_as_before(played, Party.NODE)


@pytest.mark.parametrize("phase", [Phase.GRADIENTS, Phase.ACTIVATIONS])
@pytest.mark.parametrize("which", TABLES)
def test_a_connection_that_breaks_within_a_message_changes_nothing(
    duet, monkeypatch, which, phase
) -> None:
    calm = duet(which)
    calm.play(1)
    wanted, weights = calm.leaves[Party.NODE], calm.provider.weights
    played = duet(which)
    played.folder = calm.folder / "again"
    cut = threading.Event()

    def said(link, message, _before):
        tls, pieces = link._stream._tls, message.pieces()
        tls.encrypt(memoryview(b"\x00\x00\x10\x00" + pieces[1][: len(pieces[1]) // 2]))
        while not tls.flush():
            pass
        tls._socket.shutdown(socket.SHUT_RDWR)
        cut.set()
        return pieces

    with telling(monkeypatch, phase, said):
        played.play(1)
    assert cut.is_set()
    assert played.leaves[Party.NODE] == played.leaves[Party.PROVIDER] == wanted
    assert played.provider.weights.same_tensors(weights)


def test_every_refusal_of_a_message_has_a_lie_or_a_test_of_its_own() -> None:
    told = {each.refusal for each in (LIES | LABELS).values()}
    assert set(Refusal) - told == {Refusal.BAD_ENCODING}  # what only a codec finds

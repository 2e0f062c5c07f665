"""Two data owners in parallel: each computes the average that a federation would have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_node.cid import Cid
from fl_node.config import load_settings
from fl_node.connect import open_store
from fl_node.errors import SealedError
from fl_node.split.averages import average_file
from fl_node.split.channel.envelope import open_for
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.parallel import _SEALED_FOR
from fl_node.weights import Weights
from tests.crash.fuse import mark_of
from tests.split.devnet import small
from tests.split.devnet.conftest import Begin
from tests.split.devnet.cradle import Cradle
from tests.split.devnet.story import HEADER, KILLED, WAIT_SECONDS, Story, host_of
from tests.split.devnet.whole import part_in, same, train, weights_in
from tests.split.devnet.wiring import at

pytestmark = pytest.mark.slow

FIRST, SECOND = host_of(1), host_of(2)
TABLE = {**small.U_SHAPED, "owners": "parallel", "retention": "all"}
DUE = {
    FIRST: {
        "before it shares": at(1),
        "after the average": at(1),
        "after activations is sent": at(2, 3),
    },
    SECOND: {"after the hand-over is sent, not mined": at(1), "after the checkpoint": at(2)},
    HEADER: {
        "after heard is kept": at(1, 4),
        "after the record is sent, not mined": at(1),
        "after the average": at(1),
    },
}
MOST_BYTES = 2**20


@pytest.fixture(scope="module")
def ring(begin: Begin) -> Story:
    story = begin(small.draft(TABLE, nodes=2), due=DUE)
    story.start()
    story.keep()
    return story


def average(story: Story, host: str, epoch: int) -> bytes:
    return average_file(story.home(host), epoch).read_bytes()


def shared(story: Story, node: int) -> list[tuple[int, int, Cid]]:
    given = [each.hand_over for each in story.log(node).hand_overs]
    return [(each.epoch, each.to_node, each.weights) for each in given]


def sealed(story: Story, weights: Cid) -> bytes:
    home = story.network / HEADER
    store = open_store(home, load_settings(home, environment={}))
    return store.read(weights, max_bytes=MOST_BYTES, timeout_seconds=60)


def context(story: Story, node: int, epoch: int) -> bytes:
    numbers = node.to_bytes(4, "big") + epoch.to_bytes(4, "big")
    return _SEALED_FOR + story.ledger.contract.lower().encode() + numbers


def audited(story: Story, code: int) -> dict[str, Any]:
    """Audit with what all hosts disclose, in a process of its own."""
    homes = [str(story.network / host) for host in story.hosts]
    disclosed = [word for home in homes for word in ("--disclose", home)]
    words = ["audit", "-C", homes[0], *disclosed, "--tolerance", "0", "--json"]
    log = story.folder / f"audit-{code}.log"
    asked = {"command": words, "host": "auditor", "due": {}, "marks": "", "misdeed": ""}
    ended = story.cradle.fork("tests.split.devnet.party:play", log, asked).wait(WAIT_SECONDS)
    assert ended == code, log.read_text()[-3000:]
    text = log.read_text()
    return dict(json.loads(text[text.index("{") : text.rindex("}") + 1]))


def test_kills_come_where_epochs_and_averages_begin_and_end(ring: Story) -> None:
    for host, moments in DUE.items():
        for moment in moments:
            assert mark_of(ring.marks, host, moment).exists()
        codes = [life.process.poll() for life in ring.lives[host]]
        assert codes == [KILLED] * len(moments) + [0]


def test_the_averages_are_the_federations_globals(
    ring: Story, cradle: Cradle, tmp_path: Path
) -> None:
    lower, upper, tail = train(cradle, tmp_path, TABLE, nodes=2)
    owners = average(ring, FIRST, small.EPOCHS)
    assert owners == average(ring, SECOND, small.EPOCHS)
    assert same(part_in(owners, "lower/"), lower)
    assert same(part_in(owners, "tail/"), tail)
    assert same(part_in(average(ring, HEADER, small.EPOCHS)), upper)


def test_every_epoch_is_recorded_and_shared(ring: Story) -> None:
    for node in (1, 2):
        assert len(ring.roots(node)) == small.EPOCHS
        assert ring.log(node).alone == ()
        # Who was killed before it was mined may do it again; the others take the first.
        assert {each[:2] for each in shared(ring, node)} == {(1, 0), (2, 0)}


def test_what_is_shared_is_the_givers_part_after_the_epoch(ring: Story) -> None:
    for node, taker in ((1, 2), (2, 1)):
        for epoch, _, weights in shared(ring, node):
            keys = ring.keys(host_of(taker))
            content = open_for(taker, keys, sealed(ring, weights), context(ring, node, epoch))
            found = Weights.decode(content)
            assert found.metadata["samples"] == small.SAMPLES
            mine = weights_in(ring.checkpoint(host_of(node), epoch, node=node))
            assert sorted(map(_bits, part_in(content))) == sorted(map(_bits, mine))


def _bits(array: Any) -> bytes:
    return bytes(array.tobytes())


@pytest.mark.parametrize("who", ["the provider", "the giver", "a stranger"])
def test_nobody_else_opens_what_is_shared(ring: Story, who: str) -> None:
    keys = {
        "the provider": ring.keys(HEADER),
        "the giver": ring.keys(FIRST),
        "a stranger": SessionKeys.create("stranger", 1),
    }
    for epoch, _, weights in shared(ring, 1):
        content = sealed(ring, weights)
        for node in (0, 1, 2):
            with pytest.raises(SealedError):
                open_for(node, keys[who], content, context(ring, 1, epoch))


def verdicts(found: dict[str, Any], what: str) -> list[tuple[str, int, int, str]]:
    return sorted(
        (each["who"], each["node"], each["epoch"], each["verdict"])
        for each in found["verdicts"]
        if each["what"] == what
    )


def test_an_audit_computes_steps_starts_and_averages_again(ring: Story) -> None:
    found = audited(ring, 0)
    assert found["findings"] == []
    assert {each["verdict"] for each in found["verdicts"]} == {"reproduced"}
    nodes = [
        (who, node, epoch) for who in ("node", "provider") for node in (1, 2) for epoch in (1, 2)
    ]
    assert verdicts(found, "start") == [(*each, "reproduced") for each in nodes]
    averages = [each for each in nodes if each[:2] != ("provider", 1)]  # one folder has both of its
    assert verdicts(found, "average") == [(*each, "reproduced") for each in averages]
    assert len(verdicts(found, "features")) == 2 * small.EPOCHS * small.STEPS


def test_an_average_that_is_another_is_found(ring: Story) -> None:
    path = average_file(ring.home(SECOND), 2)
    honest = path.read_bytes()
    weights = Weights.read(path)
    name = next(name for name in weights.tensors if name.startswith("tail/"))
    changed = np.nextafter(weights.tensors[name], np.float32(2), dtype=np.float32)
    try:
        Weights({**weights.tensors, name: changed}, weights.metadata).write(path)
        found = audited(ring, 1)
    finally:
        path.write_bytes(honest)
    (finding,) = found["findings"]
    assert (finding["reason"], finding["who"], finding["node"]) == ("other-average", "node", 2)

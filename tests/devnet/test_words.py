"""Attestations on several sealers: nobody waits for a block, and each word comes to stay."""

import pytest

from fl_node.config import load_settings
from fl_node.connect import open_chain, open_ledger, open_signer
from fl_node.rounds import Update
from tests.chain.scene import cid

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("finality", [0, 2])
def test_every_trainer_says_its_word_on_the_globals(story, finality):
    federation = story(rounds=2, finality=finality)
    federation.start()
    federation.finish()
    # Where nobody waits for words, a round that takes no longer than two blocks may outrun one.
    for number in (1, 2) if finality else (2,):
        words = federation.timeline().rounds[number].attestations
        assert sorted((word.node, word.agrees) for word in words) == [(1, True), (2, True)]


def test_a_word_goes_before_the_next_update_and_is_said_once(devnet, story):
    federation = story(rounds=2)

    def signing(host):
        home = devnet / host
        settings = load_settings(home, environment={"FLNODE_FEDERATION": federation.address})
        return open_ledger(home, settings, open_signer(home, settings))

    header, first, second = (signing(host) for host in ("header", "node-1", "node-2"))
    for node, ledger in ((1, first), (2, second)):
        ledger.set_local_weight(Update(node, 1, 0, cid(str(node)), 10))
    header.set_global_weight(1, cid("g"), None, header.snapshot().history)
    chain = open_chain(devnet / "node-1", load_settings(devnet / "node-1", environment={}))
    before = chain.web3.eth.get_transaction_count(first.account)

    for _ in range(3):
        first.attest(1, 1, cid("g"), first.snapshot().history)
    first.set_local_weight(Update(1, 2, 1, cid("n"), 10))
    first.wait_settled()
    assert chain.web3.eth.get_transaction_count(first.account) == before + 2
    kinds = [event.kind for event in first.events()]
    assert kinds[-2:] == ["Attested", "LocalWeightSet"]

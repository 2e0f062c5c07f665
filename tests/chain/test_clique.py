"""Who may seal (EIP-225): what is right passes, each broken rule is named."""

import pytest

from fl_node.chain import clique
from fl_node.chain.clique import Clique, names_sealers
from fl_node.chain.header import Header
from fl_node.errors import ProofError
from tests.chain.sealed import (
    ADDRESSES,
    AUTHORISE,
    DROP,
    NO_SEAL,
    VANITY,
    SealedChain,
    idle_blocks,
    whole_bytes,
)

COINBASE, OMMERS, DIFFICULTY, NUMBER, TIMESTAMP, EXTRA, MIX, NONCE = 2, 1, 7, 8, 11, 12, 13, 14


def followed(chain: SealedChain) -> Clique:
    rules = Clique(chain.headers[0])
    for header in chain.headers[1:]:
        rules.follow(header)
    return rules


def test_sealers_in_turn_pass():
    genesis, *blocks = idle_blocks(20)
    rules = Clique(genesis)
    for header in blocks:
        rules.follow(header)
    assert rules.sealers == ADDRESSES[:3]
    assert rules.least_gap_seconds == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_any_number_of_sealers_passes(count):
    chain = SealedChain(count)
    for _ in range(3 * count):
        chain.add()
    assert followed(chain).sealers == ADDRESSES[:count]


def test_a_dead_sealers_turn_is_taken_by_the_other_two():
    chain = SealedChain()
    for number in range(1, 12):
        chain.add(sealer=number % 2)
    followed(chain)


def test_a_sealer_that_makes_two_blocks_in_a_row_is_refused():
    chain = SealedChain()
    chain.add(1)
    chain.add(1)
    with pytest.raises(ProofError, match=f"0x{ADDRESSES[1].hex()}, whose turn is over"):
        followed(chain)


BROKEN = {
    "a stranger": (3, {}, "none of the 3 sealers"),
    "in turn, as if not": (1, {DIFFICULTY: b"\1"}, "another difficulty"),
    "out of turn, as if not": (0, {DIFFICULTY: b"\2"}, "another difficulty"),
    "no time between": (1, {TIMESTAMP: whole_bytes(1_700_000_000)}, "is not later"),
    "uncles": (1, {OMMERS: bytes(32)}, "has uncles"),
    "a mix digest": (1, {MIX: b"\1" * 32}, "has a mix digest"),
    "half a vote": (1, {NONCE: b"\1" * 8}, "casts no vote"),
    "sealers between checkpoints": (
        1,
        {EXTRA: VANITY + ADDRESSES[0] + NO_SEAL},
        "names other sealers",
    ),
    "no sealers at a checkpoint": (
        1,
        {NUMBER: whole_bytes(30_000), EXTRA: VANITY + NO_SEAL},
        "names other sealers",
    ),
    "a vote at a checkpoint": (
        1,
        {NUMBER: whole_bytes(30_000), EXTRA: VANITY + NO_SEAL, NONCE: AUTHORISE},
        "votes at a checkpoint",
    ),
}


@pytest.mark.parametrize(("sealer", "changes", "answer"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_named(sealer, changes, answer):
    chain = SealedChain()
    chain.add(sealer, changes)
    with pytest.raises(ProofError, match=answer):
        followed(chain)


@pytest.mark.parametrize("extra", [b"", VANITY, VANITY + bytes(64), VANITY + NO_SEAL[:-1] + b"\2"])
def test_a_block_without_a_seal_is_refused(extra):
    chain = SealedChain()
    fields = list(chain.block().fields)
    fields[EXTRA] = extra
    with pytest.raises(ProofError):
        Clique(chain.headers[0]).follow(Header(tuple(fields)))


def test_more_than_half_of_the_sealers_admit_another():
    chain = SealedChain()
    vote = {COINBASE: ADDRESSES[3], NONCE: AUTHORISE}
    chain.add(1, vote)
    assert len(followed(chain).sealers) == 3
    chain.add(2, vote)
    assert followed(chain).sealers == ADDRESSES[:4]
    chain.count = 4
    chain.add(3)
    followed(chain)


def test_one_sealer_that_votes_twice_admits_nobody():
    chain = SealedChain()
    vote = {COINBASE: ADDRESSES[3], NONCE: AUTHORISE}
    chain.add(1, vote)
    chain.add(2)
    chain.add(0)
    chain.add(1, vote)
    assert followed(chain).sealers == ADDRESSES[:3]


def test_a_vote_that_is_taken_back_does_not_count():
    chain = SealedChain()
    chain.add(1, {COINBASE: ADDRESSES[3], NONCE: AUTHORISE})
    chain.add(2)
    chain.add(0)
    chain.add(1, {COINBASE: ADDRESSES[3], NONCE: DROP})
    chain.add(2, {COINBASE: ADDRESSES[3], NONCE: AUTHORISE})
    assert followed(chain).sealers == ADDRESSES[:3]


def test_more_than_half_of_the_sealers_expel_one():
    chain = SealedChain()
    vote = {COINBASE: ADDRESSES[2], NONCE: DROP}
    chain.add(1, vote)
    chain.add(0, vote)
    assert followed(chain).sealers == ADDRESSES[:2]
    chain.count = 2
    chain.add(1)
    followed(chain)
    chain.headers[-1] = SealedChain.block(_before(chain), 2)
    with pytest.raises(ProofError, match="none of the 2 sealers"):
        followed(chain)


def _before(chain: SealedChain) -> SealedChain:
    earlier = SealedChain(chain.count)
    earlier.headers = chain.headers[:-1]
    return earlier


def test_who_expels_himself_leaves_nobody():
    chain = SealedChain(1)
    chain.add(0, {COINBASE: ADDRESSES[0], NONCE: DROP})
    chain.add(0)
    with pytest.raises(ProofError, match="none of the 0 sealers"):
        followed(chain)


def test_at_a_checkpoint_the_sealers_are_named_and_votes_forgotten(monkeypatch):
    monkeypatch.setattr(clique, "EPOCH_BLOCKS", 4)
    chain = SealedChain()
    vote = {COINBASE: ADDRESSES[3], NONCE: AUTHORISE}
    chain.add()
    chain.add()
    chain.add(0, vote)
    chain.add(1, {EXTRA: VANITY + b"".join(ADDRESSES[:3]) + NO_SEAL})
    chain.add(2, vote)
    assert followed(chain).sealers == ADDRESSES[:3]
    chain.add(0, vote)
    assert followed(chain).sealers == ADDRESSES[:4]


def test_a_genesis_that_names_nobody_is_no_cliques():
    fields = list(SealedChain().headers[0].fields)
    for extra in (b"", VANITY + NO_SEAL, VANITY + bytes(19) + NO_SEAL):
        fields[EXTRA] = extra
        assert not names_sealers(Header(tuple(fields)))
        with pytest.raises(ProofError, match="names sealers"):
            Clique(Header(tuple(fields)))

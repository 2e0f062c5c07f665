import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.network.genesis import FUNDS_WEI, draw_chain_id, genesis_bytes

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


def genesis(sealers, funded, chain_id=7, period=1):
    return json.loads(genesis_bytes(chain_id, period, sealers, funded))


@given(st.lists(addresses, min_size=1, max_size=9, unique=True), st.integers(1, 60))
def test_sealers_stand_sorted_between_vanity_and_seal(sealers, period):
    found = genesis(sealers, [], period=period)
    extra = bytes.fromhex(found["extraData"][2:])
    assert (extra[:32], extra[-65:]) == (bytes(32), bytes(65))
    inside = [extra[start : start + 20] for start in range(32, len(extra) - 65, 20)]
    assert inside == sorted(bytes.fromhex(each[2:]) for each in sealers)
    assert found["config"]["clique"] == {"period": period, "epoch": 30_000}


@given(st.lists(addresses, min_size=4, max_size=9, unique=True))
def test_only_those_named_are_funded(drawn):
    sealers, funded = drawn[:2], drawn[2:]
    alloc = genesis(sealers, funded)["alloc"]
    assert {"0x" + account for account in alloc} == set(funded)
    assert {int(each["balance"], 16) for each in alloc.values()} == {FUNDS_WEI}


@given(st.lists(addresses, min_size=1, max_size=3, unique=True))
def test_a_sealer_is_never_funded(sealers):
    with pytest.raises(ValueError, match="must own nothing"):
        genesis(sealers, [sealers[-1].upper().replace("0X", "0x")])


def test_london_is_on_from_the_first_block_and_nothing_later():
    config = genesis(["0x" + "01" * 20], [])["config"]
    forks = {key: value for key, value in config.items() if key.endswith("Block")}
    assert set(forks.values()) == {0}
    assert "londonBlock" in forks
    assert not {"shanghaiTime", "terminalTotalDifficulty", "arrowGlacierBlock"} & set(config)


def test_chain_ids_are_drawn_from_a_wide_range_that_fits_every_wallet():
    drawn = {draw_chain_id() for _ in range(200)}
    assert len(drawn) == 200
    assert all(10**6 <= each < 2**31 for each in drawn)

"""Writes from three nodes at once: each ends on the canonical chain, exactly once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from eth_account import Account

from fl_node.chain.ethereum import deploy_contract
from fl_node.config import load_settings
from fl_node.connect import open_chain, open_ledger, open_signer
from fl_node.rounds import Terms
from tests.chain.scene import INITIAL, PLAN
from tests.devnet.story import HOSTS, wait_until

pytestmark = pytest.mark.slow

WRITES_PER_HOST, BURST = 67, 12


def test_200_writes_from_three_nodes_at_once(devnet):
    def writer(host: str):
        """A contract of one's own, so that an account has 67 things to say at once."""
        home = devnet / host
        settings = load_settings(home, environment={})
        signer, chain = open_signer(home, settings), open_chain(home, settings)
        federation = deploy_contract(chain, signer, PLAN, INITIAL, signer.address, Terms())
        known = load_settings(home, environment={"FLNODE_FEDERATION": federation})
        return open_ledger(home, known, signer)

    def write(ledger) -> dict[int, str]:
        accounts = {node: Account.create().address for node in range(1, WRITES_PER_HOST + 1)}
        numbers = list(accounts)
        for start in range(0, WRITES_PER_HOST, BURST):
            ledger.register_nodes({node: accounts[node] for node in numbers[start : start + BURST]})
            ledger.settle()
        return accounts

    with ThreadPoolExecutor(len(HOSTS)) as pool:
        ledgers = list(pool.map(writer, HOSTS))
        written = list(pool.map(write, ledgers))
    assert sum(map(len, written)) >= 200
    for ledger, accounts in zip(ledgers, written, strict=True):
        wait_until(ledger.settle, "all writes are settled")
        for host in HOSTS:  # every node tells the same
            home = devnet / host
            known = load_settings(home, environment={"FLNODE_FEDERATION": ledger.federation})
            registered = Counter(
                (event.values["nodeId"], event.values["account"])
                for event in open_ledger(home, known).events()
                if event.kind == "NodeRegistered"
            )
            assert registered == Counter(accounts.items())

"""What a connection over JSON-RPC finds out about its chain."""

import time

import pytest

from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.rpc import RpcConnection
from fl_node.errors import LedgerError, UnreachableError
from tests.chain.faulty_proxy import lies, only, refuses
from tests.chain.scene import PLAN, address

pytestmark = pytest.mark.usefixtures("impatient")


def block(**fields):
    return lies("eth_getBlockByNumber", lambda found: found | fields)


@pytest.mark.parametrize(
    ("sealers", "depth"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (20, 11)]
)
def test_more_than_half_of_the_sealers_settle_a_write(proxy, sealers, depth):
    """EIP-225: 32 bytes of vanity, the sealers' addresses, 65 bytes of seal."""
    proxy.trick = block(extraData="0x" + "00" * (32 + 20 * sealers + 65))
    assert proxy.connection().settled_depth == depth


@pytest.mark.parametrize("extra", ["0x", "0x00", "0x" + "ab" * 32])
def test_on_a_chain_whose_genesis_names_no_sealers_a_block_settles(proxy, extra):
    proxy.trick = block(extraData=extra)
    assert proxy.connection().settled_depth == 1


def test_the_sealers_and_the_id_are_asked_for_once(proxy):
    connection = proxy.connection()
    proxy.asked = []
    for _ in range(3):
        assert (connection.chain_id, connection.settled_depth) == (31337, 1)
    assert proxy.asked == ["eth_chainId", "eth_getBlockByNumber"]


def test_now_is_the_local_clock_or_the_newest_block_where_that_is_ahead(proxy):
    connection = proxy.connection()
    proxy.trick = block(timestamp="0x1")
    assert abs(connection.now() - time.time()) < 5
    ahead = int(time.time()) + 10_000
    proxy.trick = block(timestamp=hex(ahead))
    assert connection.now() == ahead


def test_a_chain_before_london_is_refused_by_what_it_lacks(through, proxy):
    def without_base_fee(found):
        return {name: value for name, value in found.items() if name != "baseFeePerGas"}

    proxy.trick = lies("eth_getBlockByNumber", without_base_fee)
    with pytest.raises(LedgerError, match="baseFeePerGas"):
        through.own_ledger("owner").extend(9)


def test_a_node_that_will_not_try_a_call_says_why(through, proxy):
    proxy.trick = only("eth_call", refuses("too many arguments, want at most 3", code=-32602))
    with pytest.raises(LedgerError, match="too many arguments") as caught:
        through.own_ledger("owner").extend(9)
    assert not isinstance(caught.value, UnreachableError)


def test_this_machine_has_a_name_too(through, proxy):
    connection = RpcConnection(proxy.url.replace("127.0.0.1", "localhost"))
    assert EthereumLedger(connection, through.federation).plan() == PLAN


def test_for_a_node_that_cannot_be_trusted_nobody_waits(proxy):
    """A plain server under a URL that asks for a certificate."""
    connection = RpcConnection(proxy.url.replace("http:", "https:"))
    with pytest.raises(LedgerError, match="cannot be trusted") as caught:
        EthereumLedger(connection, address("node 5"))
    assert not isinstance(caught.value, UnreachableError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8545", "ws://127.0.0.1:1", "http://", "http://[::1"]
)
def test_what_is_no_url_of_a_node_is_refused(url):
    with pytest.raises(LedgerError, match=r"^a node's URL was expected"):
        RpcConnection(url)


def test_a_url_that_cannot_be_asked_is_no_node():
    with pytest.raises(LedgerError) as caught:
        EthereumLedger(RpcConnection("http://" + "a" * 70 + ".invalid:1"), address("node 5"))
    assert "\n" not in str(caught.value)

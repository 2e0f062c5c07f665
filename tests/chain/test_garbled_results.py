"""Whatever a node puts into a result, nothing but a named error comes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.errors import LedgerError
from tests.chain.faulty_acts import ACTS
from tests.chain.faulty_proxy import Proxy, lies
from tests.chain.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("impatient")]

ASKED_BY: dict[str, tuple[str, ...]] = {
    "eth_blockNumber": ("events", "timeline"),
    "eth_call": ("plan", "snapshot", "member", "local weight", "write", "deploy"),
    "eth_chainId": ("open", "deploy"),
    "eth_getBlockByHash": ("events", "timeline"),
    "eth_getBlockByNumber": ("head", "now", "snapshot", "member", "events", "write"),
    "eth_getCode": ("write",),
    "eth_getLogs": ("events", "timeline"),
    "eth_getTransactionByHash": ("unforeseen refusal",),
    "eth_getTransactionCount": ("write", "deploy"),
    "eth_getTransactionReceipt": ("write", "unforeseen refusal"),
    "eth_maxPriorityFeePerGas": ("write", "deploy"),
    "eth_sendRawTransaction": ("write", "deploy"),
}
VALUES: list[object] = [
    None,
    True,
    7,
    -1.5,
    "",
    "0x",
    "0xzz",
    "text",
    "0x" + "f" * 70,
    "0x" + "f" * 64,
    "0x" + "f" * 12,
    "0x0",
    [],
    {},
    [None],
    ["0x0"],
    [{}],
    {"number": None},
    {"hash": "0x" + "0" * 64},
]


def unforeseen_refusal(scene: Scene, proxy: Proxy) -> None:
    """A call that only mining shows to be refused."""
    connection = proxy.connection()
    connection.refusal = lambda _: None
    EthereumLedger(connection, scene.federation, embedded_account("owner")).extend(3)


ALL_ACTS = ACTS | {"unforeseen refusal": unforeseen_refusal}


def ends_well_or_in_one_line(act: Callable[[Scene, Proxy], object], scene: Scene, proxy: Proxy):
    """Give the error that was found, if any; another than a named one fails the test."""
    found = None
    try:
        act(scene, proxy)
    except LedgerError as error:
        found = error
    assert found is None or (str(found).isprintable() and len(str(found)) < 1000)
    return found


def test_the_table_says_who_asks_what(through, proxy):
    for name, act in ALL_ACTS.items():
        proxy.asked = []
        ends_well_or_in_one_line(act, through, proxy)
        listed = {method for method, names in ASKED_BY.items() if name in names}
        assert listed <= set(proxy.asked), name
        assert set(proxy.asked) <= set(ASKED_BY), name


@pytest.mark.parametrize("method", ASKED_BY)
def test_a_result_of_another_form_is_one_line(through, proxy, method):
    found = []
    for value in VALUES:
        proxy.trick = lies(method, lambda _, value=value: value)
        acts = [ALL_ACTS[name] for name in ASKED_BY[method]]
        found += [ends_well_or_in_one_line(act, through, proxy) for act in acts]
    assert sum(error is not None for error in found) > len(found) / 2


def changed(result: Any, at: int, value: object) -> Any:
    """Put a value somewhere into a result: places are counted from its top, depth first."""
    left = [at]

    def walked(part: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            return value
        if isinstance(part, dict):
            return {name: walked(each) for name, each in part.items()}
        return [walked(each) for each in part] if isinstance(part, list) else part

    return walked(result)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.binary(max_size=70).map(lambda content: "0x" + content.hex())
    | st.integers(0, 2**60).map(hex)
    | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.sampled_from([(method, act) for method, acts in ASKED_BY.items() for act in acts]),
    st.integers(0, 80),
    json_values,
)
def test_any_change_anywhere_in_a_result_ends_well_or_in_one_line(through, proxy, asked, at, value):
    method, act = asked
    proxy.trick = lies(method, lambda result: changed(result, at, value))
    note(f"{act}: {method}")
    ends_well_or_in_one_line(ALL_ACTS[act], through, proxy)

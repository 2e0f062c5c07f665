"""Code on the chain is compared with the committed artefact's, but for immutables."""

from hypothesis import given
from hypothesis import strategies as st

from fl_node.chain.artifact import federation_artifact
from fl_node.chain.embedded import EmbeddedChain
from fl_node.chain.runtime import is_federation, is_split_session, same_but_immutables
from tests.chain.scene import ROLES, address
from tests.chain.session_scene import deployed
from tests.small_federation import small_federation

PUSH32, STOP = b"\x7f", b"\x00"
SLOT = PUSH32 + bytes(32)


def test_a_deployed_federation_is_one_and_nothing_else_is(tmp_path):
    federation = small_federation(tmp_path)
    code = bytes(federation.chain.web3.eth.get_code(federation.address))
    assert is_federation(code)
    assert not is_federation(b"")
    assert not is_federation(code[:-1])
    assert not is_federation(code + STOP)
    for place in (0, 100, len(code) // 2, len(code) - 1):
        assert not is_federation(code[:place] + bytes([code[place] ^ 1]) + code[place + 1 :])


def test_a_deployed_split_session_is_one_and_no_federation():
    chain = EmbeddedChain([address(role) for role in ROLES], 1_700_000_000, lambda: 0)
    scene = deployed(chain, chain.set_time)
    code = bytes(chain.web3.eth.get_code(scene.contract))
    assert is_split_session(code)
    assert not is_federation(code)
    for place in (0, 100, len(code) // 2, len(code) - 1):
        assert not is_split_session(code[:place] + bytes([code[place] ^ 1]) + code[place + 1 :])


def test_the_artefact_itself_passes_too():
    compiled = federation_artifact().deployed_bytecode
    assert is_federation(bytes.fromhex(compiled.removeprefix("0x")))


@given(st.binary(min_size=32, max_size=32))
def test_an_immutable_may_be_anything(value):
    assert same_but_immutables(STOP + PUSH32 + value + STOP, STOP + SLOT + STOP)


@given(st.binary(min_size=32, max_size=32).filter(any), st.integers(0, 31))
def test_a_constant_may_not(value, place):
    changed = bytearray(value)
    changed[place] ^= 1
    assert not same_but_immutables(PUSH32 + bytes(changed), PUSH32 + value)


@given(st.binary(max_size=80), st.data())
def test_code_equals_itself_and_no_code_with_another_operation(code, data):
    assert same_but_immutables(code, code)
    if code:
        changed = bytes([code[0] ^ data.draw(st.integers(1, 255))]) + code[1:]
        assert not same_but_immutables(changed, code)


def test_what_looks_like_an_immutable_inside_an_argument_is_none():
    push_two, slot_like = b"\x61", b"\x00\x7f"
    compiled = push_two + slot_like + bytes(32)
    assert not same_but_immutables(push_two + slot_like + b"\x01" * 32, compiled)

"""Whether the code at an address is that of a contract which this package brings."""

from fl_node.chain.artifact import Artifact, federation_artifact, split_session_artifact

_PUSH1, _PUSH32 = 0x60, 0x7F


def is_federation(code: bytes) -> bool:
    """Compare a contract's code with that of a federation, but for its immutables."""
    return _is_compiled(code, federation_artifact())


def is_split_session(code: bytes) -> bool:
    """Compare a contract's code with that of split learning, but for its immutables."""
    return _is_compiled(code, split_session_artifact())


def _is_compiled(code: bytes, artifact: Artifact) -> bool:
    compiled = bytes.fromhex(artifact.deployed_bytecode.removeprefix("0x"))
    return same_but_immutables(code, compiled)


def same_but_immutables(code: bytes, compiled: bytes) -> bool:
    """Compare code with what the compiler gave, where immutables are pushes of 32 zero bytes.

    The compiler writes no other zero that way: it has shorter ones.
    """
    if len(code) != len(compiled):
        return False
    place = 0
    while place < len(compiled):
        after = place + 1 + _pushed(compiled[place])
        argument = compiled[place + 1 : after]
        immutable = compiled[place] == _PUSH32 and not any(argument)
        compared = place + 1 if immutable else after
        if code[place:compared] != compiled[place:compared]:
            return False
        place = after
    return True


def _pushed(operation: int) -> int:
    """Count the bytes after an operation that are its argument (the EVM's PUSH1 to PUSH32)."""
    return operation - _PUSH1 + 1 if _PUSH1 <= operation <= _PUSH32 else 0

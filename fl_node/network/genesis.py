"""The first block of a private chain: Clique (EIP-225) with London's rules from block 0."""

import json
import secrets
from collections.abc import Iterable, Sequence

# Chain ids below 2**31 fit every wallet; those up to a million are largely taken by other chains.
_LEAST_CHAIN_ID, _CHAIN_IDS = 10**6, 2**31
_EPOCH_BLOCKS = 30_000
_GAS_LIMIT = 30_000_000
_BASE_FEE_WEI = 10**9
FUNDS_WEI = 10**24
_VANITY_BYTES, _SEAL_BYTES = 32, 65
_FORKS = (
    *("homestead", "eip150", "eip155", "eip158", "byzantium"),
    *("constantinople", "petersburg", "istanbul", "berlin", "london"),
)


def draw_chain_id() -> int:
    """Draw a chain id: a transaction of another network then means nothing on this one."""
    return secrets.randbelow(_CHAIN_IDS - _LEAST_CHAIN_ID) + _LEAST_CHAIN_ID


def genesis_bytes(
    chain_id: int, period_seconds: int, sealers: Sequence[str], funded: Iterable[str]
) -> bytes:
    """Give a genesis file as Geth reads it.

    :param sealers: sign blocks; EIP-225 wants them sorted
    :param funded: accounts that begin with a million ether; a sealer never does
    :raises ValueError: when a sealer is to be funded
    """
    rich = {_digits(account) for account in funded}
    signing = sorted(map(_digits, sealers))
    if rich & set(signing):
        raise ValueError("a sealing account's key is unlocked on its host: it must own nothing")
    extra = bytes(_VANITY_BYTES) + bytes.fromhex("".join(signing)) + bytes(_SEAL_BYTES)
    document = {
        "config": {
            "chainId": chain_id,
            **{f"{fork}Block": 0 for fork in _FORKS},
            "clique": {"period": period_seconds, "epoch": _EPOCH_BLOCKS},
        },
        "difficulty": "0x1",
        "gasLimit": hex(_GAS_LIMIT),
        "baseFeePerGas": hex(_BASE_FEE_WEI),
        "extraData": "0x" + extra.hex(),
        "alloc": {account: {"balance": hex(FUNDS_WEI)} for account in sorted(rich)},
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _digits(address: str) -> str:
    return address.lower().removeprefix("0x")

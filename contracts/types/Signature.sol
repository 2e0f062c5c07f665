// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Half of secp256k1's order: of two signatures that are as good, only the one with the lower s is
// taken (EIP-2).
uint256 constant HIGHEST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

/// @dev Who signed a digest with 65 bytes r, s, v; zero if nobody could have.
function recovered(bytes32 digest, bytes calldata signature) pure returns (address) {
    if (signature.length != 65) return address(0);
    bytes32 s = bytes32(signature[32:64]);
    if (uint256(s) > HIGHEST_S) return address(0);
    return ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), s);
}

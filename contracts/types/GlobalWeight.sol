// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A global model and the report of the round that made it; two storage slots.
/// @param weights The sha2-256 digest in the CIDv0 of the weights file.
/// @param report The sha2-256 digest in the CIDv0 of the report; zero for global 0.
struct GlobalWeight {
    bytes32 weights;
    bytes32 report;
}

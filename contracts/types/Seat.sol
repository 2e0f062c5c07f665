// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Record} from "./Record.sol";

/// @notice Where a node's latest update is kept; two storage slots.
/// @param record What is known of it.
/// @param weights The sha2-256 digest in the CIDv0 of the weights file.
struct Seat {
    Record record;
    bytes32 weights;
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What one side alone has said of a node's next epoch.
/// @dev In this order; for one epoch a side's goes only up:
/// None: nothing.
/// OneSided: its record of the epoch, which the other side has not signed by the deadline.
/// Disputed: its record of the epoch, from which the other side's differs.
enum Mark {
    None,
    OneSided,
    Disputed
}

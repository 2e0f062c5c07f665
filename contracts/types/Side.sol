// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Which of a session's two parties.
/// @dev In this order:
/// Provider: who trains the upper part.
/// Node: who owns the data and trains the lower part.
enum Side {
    Provider,
    Node
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A node's key and the marks that stay with its id for good; one storage slot.
/// @param account The account that speaks for the node; zero while it is not registered.
/// @param attested The last opening in which the node attested.
/// @param replaced The last round whose global the node replaced.
struct Node {
    address account;
    uint32 attested;
    uint32 replaced;
}

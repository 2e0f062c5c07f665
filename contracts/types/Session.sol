// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Mark} from "./Mark.sol";

/// @notice A node and the provider, and how far they are; one storage slot.
/// @param account The account that speaks for the node; zero while it is not registered.
/// @param epochs Epochs recorded with both signatures; they stay with the node's id for good.
/// @param since Unix seconds from which the next epoch's deadline runs: the last epoch's record or,
/// before there is one under this account, its first announcement; 0 while there is neither.
/// @param byProvider What the provider alone has said of epoch `epochs + 1`.
/// @param byNode What the node alone has said of epoch `epochs + 1`.
struct Session {
    address account;
    uint32 epochs;
    uint40 since;
    Mark byProvider;
    Mark byNode;
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A node's latest update; two storage slots.
/// @dev It stands in the open round if it is `standing` and its `opening` is the open one.
/// @param weights The sha2-256 digest in the CIDv0 of the weights file.
/// @param samples Samples that the node says it trained on; judged off the chain.
/// @param round The round that it was sent for.
/// @param base The global that it was trained from.
/// @param nextBase The oldest base that the node may still use, by the updates before this one.
/// @param opening The opening that it was sent in.
/// @param since The first opening that takes the node's updates; 0 while it is not registered.
/// @param attempts Updates sent in that opening.
/// @param standing Whether it was neither rejected nor withdrawn.
struct LocalWeight {
    bytes32 weights;
    uint64 samples;
    uint32 round;
    uint32 base;
    uint32 nextBase;
    uint32 opening;
    uint32 since;
    uint8 attempts;
    bool standing;
}

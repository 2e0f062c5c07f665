// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The rules by which rounds open, close and count; one storage slot.
/// @param target Updates that make the round closable at once; 0 means every member.
/// @param quorum Updates that make it closable once `roundSeconds` have passed; at least 1.
/// @param roundSeconds How long a round waits for its target.
/// @param graceSeconds How long only the header may close a closable round.
/// @param maxStaleness How many globals older than the newest an update's base may be.
/// @param finality Attestations that a global needs before the next round takes updates; 0 is off.
/// @param rounds The last round; changed by `extend` only.
struct Terms {
    uint32 target;
    uint32 quorum;
    uint32 roundSeconds;
    uint32 graceSeconds;
    uint32 maxStaleness;
    uint32 finality;
    uint32 rounds;
}

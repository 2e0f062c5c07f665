// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The rules of split learning in one contract; they never change.
/// @param epochs The last epoch of every node; at least 1.
/// @param deadlineSeconds How long the next epoch may stay without both signatures; at least 1.
struct SplitTerms {
    uint32 epochs;
    uint32 deadlineSeconds;
}

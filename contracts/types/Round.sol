// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The open round; one storage slot.
/// @dev A round that opens again (after a replacement or a reopening) keeps its number and gets a
/// new opening. What nodes hold names the opening it belongs to, so nothing is cleared in a loop.
/// @param number The round that takes updates and will produce global `number`; 0 is registration.
/// @param opening How many times a round has been opened in this federation.
/// @param members Nodes registered when it opened.
/// @param received Updates that stand in it.
/// @param attested Attestations that agree with global `number - 1`.
/// @param openedAt Unix seconds at which it opened, or at which its start became final if later.
/// @param closableAt Unix seconds at which an update made it closable; 0 if none did.
/// @param finalized Whether global `number - 1` is final, so that updates are taken.
/// @param termsPending Whether other terms come into force when the next round opens.
struct Round {
    uint32 number;
    uint32 opening;
    uint24 members;
    uint24 received;
    uint24 attested;
    uint40 openedAt;
    uint40 closableAt;
    bool finalized;
    bool termsPending;
}

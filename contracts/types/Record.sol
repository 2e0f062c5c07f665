// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LocalWeight} from "./LocalWeight.sol";

/// @notice A local weight without its digest, packed into one word.
/// @dev By hand, because the compiler would read and write the storage slot once for every field.
/// From the lowest bit: since, nextBase, base, round, opening (32 bits each), samples (64),
/// attempts (8), standing (8).
type Record is uint256;

using {since, opening, attempts, standing, nextBase} for Record global;
using {withSince, withoutAttempts, withdrawn} for Record global;

function packed(
    uint32 since_,
    uint32 nextBase_,
    uint32 base,
    uint32 round,
    uint32 opening_,
    uint64 samples,
    uint8 attempts_
) pure returns (Record) {
    uint256 when = (uint256(opening_) << 128) | (uint256(round) << 96);
    uint256 bases = (uint256(base) << 64) | (uint256(nextBase_) << 32);
    uint256 count = (uint256(attempts_) << 224) | (uint256(samples) << 160);
    return Record.wrap((1 << 232) | count | when | bases | since_);
}

function since(Record record) pure returns (uint32) {
    return uint32(Record.unwrap(record));
}

function opening(Record record) pure returns (uint32) {
    return uint32(Record.unwrap(record) >> 128);
}

function attempts(Record record) pure returns (uint8) {
    return uint8(Record.unwrap(record) >> 224);
}

function standing(Record record) pure returns (bool) {
    return Record.unwrap(record) >> 232 != 0;
}

/// @dev An update that was closed in, in a round before the open `round`, uses its base up.
function nextBase(Record record, uint32 round) pure returns (uint32) {
    uint256 word = Record.unwrap(record);
    bool closedIn = standing(record) && uint32(word >> 96) < round;
    return closedIn ? uint32(word >> 64) + 1 : uint32(word >> 32);
}

function withSince(Record record, uint32 since_) pure returns (Record) {
    return Record.wrap(((Record.unwrap(record) >> 32) << 32) | since_);
}

function withoutAttempts(Record record) pure returns (Record) {
    return Record.wrap(Record.unwrap(record) & ~(uint256(0xff) << 224));
}

function withdrawn(Record record) pure returns (Record) {
    return Record.wrap(Record.unwrap(record) & ~(uint256(0xff) << 232));
}

function unpacked(Record record, bytes32 weights, uint32 round) pure returns (LocalWeight memory) {
    uint256 word = Record.unwrap(record);
    return LocalWeight({
        weights: weights,
        samples: uint64(word >> 160),
        round: uint32(word >> 96),
        base: uint32(word >> 64),
        nextBase: nextBase(record, round),
        opening: opening(record),
        since: since(record),
        attempts: attempts(record),
        standing: standing(record)
    });
}

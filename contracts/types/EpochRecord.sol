// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// What a node and the provider sign of an epoch (EIP-712), and how a contract looks at it.

using {structHash} for EpochRecord global;

bytes32 constant EPOCH_RECORD_TYPE = keccak256(
    "EpochRecord(uint32 nodeId,uint32 epoch,uint32 steps,bytes32 root,bytes32 records,"
    "bytes32 nodeCheckpoint,bytes32 providerCheckpoint)"
);

/// @notice One epoch of one node, as both parties have seen it.
/// @param nodeId The node.
/// @param epoch Which of the node's epochs; the first is 1.
/// @param steps How many steps it had; judged off the chain.
/// @param root The root of the Merkle tree (RFC 6962) over its signed records in their order.
/// @param records The sha2-256 digest in the CIDv0 of the file of these records.
/// @param nodeCheckpoint The salted digest of the node's part after the epoch.
/// @param providerCheckpoint The salted digest of the provider's part after the epoch.
struct EpochRecord {
    uint32 nodeId;
    uint32 epoch;
    uint32 steps;
    bytes32 root;
    bytes32 records;
    bytes32 nodeCheckpoint;
    bytes32 providerCheckpoint;
}

/// @dev EIP-712's `hashStruct`.
function structHash(EpochRecord calldata record) pure returns (bytes32) {
    return keccak256(abi.encode(EPOCH_RECORD_TYPE, record));
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Why an update was rejected; every reason but the first can be checked by anyone.
/// @dev In this order:
/// Unavailable: the bytes could not be fetched in the plan's time (the rejecter's own statement).
/// TooLarge: there are more bytes than the plan allows.
/// DigestMismatch: the bytes do not have the digest that was sent.
/// NotCanonical: the bytes are no weights file in the canonical form.
/// RecordMismatch: the metadata differ from what the node sent to the chain.
/// WrongStructure: names, shapes or types of the tensors differ from the initial weights'.
/// IntegerChanged: an integer or boolean tensor differs from the base's.
/// NotFinite: a value is infinite or not a number.
/// BadSamples: the sample count is zero or above the plan's limit.
/// NormExceeded: the step from the base is longer than the plan allows.
enum Reason {
    Unavailable,
    TooLarge,
    DigestMismatch,
    NotCanonical,
    RecordMismatch,
    WrongStructure,
    IntegerChanged,
    NotFinite,
    BadSamples,
    NormExceeded
}

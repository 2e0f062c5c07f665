// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochRecord} from "../types/EpochRecord.sol";
import {Session} from "../types/Session.sol";
import {Side} from "../types/Side.sol";
import {SplitTerms} from "../types/SplitTerms.sol";

/// @title Split learning: nodes train a model's lower part each with one provider of the upper.
/// @notice A session is one node and the provider. Its epochs count from 1, and each is one record
/// that both have signed. Plan, records and handed weights are sha2-256 digests, one to one with
/// CIDv0.
/// @dev `history` is a running keccak over everything that happened. Each call that changes it
/// computes `keccak256(abi.encode(history, topic0, fields...))`, where the fields are all of its
/// event's in order, indexed or not, but the last, which is the new history.
interface ISplitSession {
    /// @notice The contract exists; its history starts as the keccak of
    /// `abi.encode(chainid, address(this), plan, terms, provider, owner)`.
    /// @param plan The plan's digest.
    /// @param terms The terms, for good.
    /// @param provider The account that trains the upper part.
    /// @param owner The account that created it.
    /// @param history The history it starts with.
    event SplitSessionCreated(
        bytes32 plan,
        SplitTerms terms,
        address provider,
        address owner,
        bytes32 history
    );

    /// @notice Node `nodeId` takes part; epochs recorded under an earlier account stay its own.
    /// @param nodeId The node.
    /// @param account Its account.
    /// @param history The history from now on.
    event NodeRegistered(uint32 indexed nodeId, address account, bytes32 history);

    /// @notice Node `nodeId` has left.
    /// @param nodeId The node.
    /// @param account Its account until now.
    /// @param history The history from now on.
    event NodeRemoved(uint32 indexed nodeId, address account, bytes32 history);

    /// @notice Another account trains the upper part.
    /// @param provider The provider from now on.
    /// @param previous The provider until now.
    /// @param history The history from now on.
    event ProviderSet(address provider, address previous, bytes32 history);

    /// @notice A party says how it is reached, and which keys are its own.
    /// @param nodeId The node; 0 is the provider.
    /// @param account The party's account.
    /// @param key The Ed25519 key of its messages.
    /// @param certificate The certificate (X.509, DER) of its channel.
    /// @param endpoint Where it listens, as UTF-8; empty if it does not.
    /// @param expires Unix seconds until which this holds.
    /// @param history The history from now on.
    event Announced(
        uint32 indexed nodeId,
        address account,
        bytes32 key,
        bytes certificate,
        bytes endpoint,
        uint40 expires,
        bytes32 history
    );

    /// @notice Node and provider have both signed what happened in an epoch.
    /// @param nodeId The node.
    /// @param epoch Its epoch.
    /// @param steps How many steps it had.
    /// @param root The root of the tree over its records.
    /// @param records The digest of the file of its records.
    /// @param nodeCheckpoint The salted digest of the node's part after it.
    /// @param providerCheckpoint The salted digest of the provider's part after it.
    /// @param nodeSignature The node's EIP-712 signature of the record: r, s, v.
    /// @param providerSignature The provider's: r, s, v.
    /// @param history The history from now on.
    event EpochRecorded(
        uint32 indexed nodeId,
        uint32 indexed epoch,
        uint32 steps,
        bytes32 root,
        bytes32 records,
        bytes32 nodeCheckpoint,
        bytes32 providerCheckpoint,
        bytes nodeSignature,
        bytes providerSignature,
        bytes32 history
    );

    /// @notice One side alone says what happened in an epoch.
    /// @param nodeId The node.
    /// @param epoch Its next epoch.
    /// @param side Which side says it.
    /// @param by That side's account.
    /// @param steps How many steps it had.
    /// @param root The root of the tree over its records.
    /// @param records The digest of the file of its records.
    /// @param checkpoint The salted digest of that side's part after it.
    /// @param firstDifference The first step in which the other side's history is another: a
    /// dispute; 0 if the other side does not sign.
    /// @param history The history from now on.
    event RecordedAlone(
        uint32 indexed nodeId,
        uint32 indexed epoch,
        Side side,
        address by,
        uint32 steps,
        bytes32 root,
        bytes32 records,
        bytes32 checkpoint,
        uint32 firstDifference,
        bytes32 history
    );

    /// @notice A node hands its lower part to another or to all others, who see it.
    /// @param fromNode The node whose part it is.
    /// @param toNode The node that goes on with it; 0 is every other node.
    /// @param epoch The epoch of `fromNode` after which it is taken.
    /// @param weights The digest of the sealed file.
    /// @param history The history from now on.
    event HandedOn(
        uint32 indexed fromNode,
        uint32 indexed toNode,
        uint32 epoch,
        bytes32 weights,
        bytes32 history
    );

    /// @notice Only the owner does this.
    error NotOwner(address caller, address owner);

    /// @notice Only the account of node `nodeId`, of the provider if that is 0, does this.
    error NotAccountOfNode(uint32 nodeId, address caller);

    /// @notice Only the account of node `nodeId` or the provider's does this.
    error NotParty(uint32 nodeId, address caller);

    /// @notice Node ids start at 1.
    error ZeroNodeId();

    /// @notice An account is not the zero address.
    error ZeroAccount();

    /// @notice The node id has an account.
    error NodeTaken(uint32 nodeId, address account);

    /// @notice The account holds a node id.
    error AccountTaken(address account, uint32 nodeId);

    /// @notice The account is the provider's.
    error AccountOfProvider(address account);

    /// @notice The node id has no account.
    error UnknownNode(uint32 nodeId);

    /// @notice epochs >= 1, deadlineSeconds >= 1.
    error BadTerms(SplitTerms terms);

    /// @notice A key is not zero.
    error EmptyKey();

    /// @notice There are more bytes than may be announced.
    error TooLong(uint256 length, uint256 most);

    /// @notice What is announced holds until a later time.
    error Expired(uint256 expires, uint256 timestamp);

    /// @notice The call is about another epoch than the node's next one.
    error WrongEpoch(uint32 given, uint32 next);

    /// @notice The node's last epoch has been recorded.
    error SessionComplete(uint32 epochs);

    /// @notice Node `nodeId` (the provider if 0) did not sign this; `signer` did, or nobody if 0.
    error BadSignature(uint32 nodeId, address account, address signer);

    /// @notice This side has recorded this epoch alone before; only its first dispute may follow that.
    error AlreadyRecordedAlone(uint32 nodeId, uint32 epoch, Side side);

    /// @notice Node `nodeId` (the provider if 0) has never been here, so it has no epoch to sign.
    error NotAnnounced(uint32 nodeId);

    /// @notice Until then the other side may still sign.
    error DeadlineRunning(uint256 until, uint256 timestamp);

    /// @notice A part is handed on to another node.
    error SameNode(uint32 nodeId);

    /// @notice The node has no such epoch with both signatures.
    error NotRecorded(uint32 nodeId, uint32 epoch, uint32 epochs);

    /// @notice Let `account` speak for node `nodeId`, which goes on where an earlier one left.
    /// @param nodeId An id without account; at least 1.
    /// @param account An account without id, and not the provider's.
    function registerNode(uint32 nodeId, address account) external;

    /// @notice Remove node `nodeId`; its recorded epochs stay.
    /// @param nodeId A registered node.
    function removeNode(uint32 nodeId) external;

    /// @notice Let another account train the upper part from now on.
    /// @param account The new provider; an account without id.
    function setProvider(address account) external;

    /// @notice Say how a party is reached, and which keys are its own, until `expires`.
    /// @dev The last announcement counts; it is held by its event alone. Key and certificate are
    /// judged off the chain.
    /// @param nodeId The node, the caller being its account; 0 for the provider.
    /// @param key The Ed25519 key of its messages.
    /// @param certificate The certificate (X.509, DER) of its channel; at most 2048 bytes.
    /// @param endpoint Where it listens, as UTF-8; at most 255 bytes. No string, for readers refuse
    /// one that is not, and with it the whole event.
    /// @param expires Unix seconds, later than now.
    function announce(
        uint32 nodeId,
        bytes32 key,
        bytes calldata certificate,
        bytes calldata endpoint,
        uint40 expires
    ) external;

    /// @notice Record a node's next epoch, which node and provider have both signed.
    /// @dev Anyone may send it. Signatures are EIP-712's over the record, in the domain of name
    /// "flnode split session" and version "1", by the accounts that node and provider have now. It
    /// heals what either side has said of this epoch alone.
    /// @param record The epoch.
    /// @param nodeSignature 65 bytes r, s, v, with the lower s.
    /// @param providerSignature 65 bytes r, s, v, with the lower s.
    function recordEpoch(
        EpochRecord calldata record,
        bytes calldata nodeSignature,
        bytes calldata providerSignature
    ) external;

    /// @notice Record a node's next epoch without the other side: once each that the other does
    /// not sign, and a dispute.
    /// @dev With `firstDifference` 0 the other side does not sign: only once both have announced
    /// themselves, and `deadlineSeconds` have passed since the node's last epoch was recorded, or
    /// since the later of these announcements. Else it is a dispute, at any time: after the former
    /// too, for who was silent may come back with another history, but never before it. Both are
    /// healed by `recordEpoch`.
    /// @param nodeId The node; the caller is its account or the provider's.
    /// @param epoch The node's next epoch.
    /// @param steps How many steps it had.
    /// @param root The root of the tree over its records.
    /// @param records The digest of the file of its records.
    /// @param checkpoint The salted digest of the caller's part after it.
    /// @param firstDifference The first step in which the other side's history is another, or 0.
    function recordAlone(
        uint32 nodeId,
        uint32 epoch,
        uint32 steps,
        bytes32 root,
        bytes32 records,
        bytes32 checkpoint,
        uint32 firstDifference
    ) external;

    /// @notice Hand a node's lower part, as it is after a recorded epoch, to another node or to all.
    /// @dev 0 looks nobody up: it is taken even where there is no other node. For whom the file is
    /// sealed is not judged here.
    /// @param fromNode The node; the caller is its account.
    /// @param toNode Another registered node, or 0 for every other node at once.
    /// @param epoch An epoch of `fromNode` that both have signed.
    /// @param weights The sha2-256 digest in the CIDv0 of the sealed file.
    function handOn(uint32 fromNode, uint32 toNode, uint32 epoch, bytes32 weights) external;

    /// @notice A node and how far it is with the provider.
    /// @param nodeId The node.
    /// @return The session; its account is zero while the node is not registered.
    function session(uint32 nodeId) external view returns (Session memory);

    /// @notice The terms.
    /// @return The terms.
    function terms() external view returns (SplitTerms memory);

    /// @notice The node that `account` speaks for; 0 if none.
    /// @param account The account.
    /// @return The node's id.
    function nodeOf(address account) external view returns (uint32);

    /// @notice The account that trains the upper part.
    /// @return The account.
    function provider() external view returns (address);

    /// @notice When the provider announced itself first.
    /// @return Unix seconds; 0 if this account never did.
    function providerSince() external view returns (uint40);

    /// @notice The account that created the contract and keeps its membership.
    /// @return The account.
    function owner() external view returns (address);

    /// @notice The digest of the plan: what is trained and by which rules.
    /// @return The digest.
    function plan() external view returns (bytes32);

    /// @notice The running keccak over everything that happened.
    /// @return The keccak.
    function history() external view returns (bytes32);
}

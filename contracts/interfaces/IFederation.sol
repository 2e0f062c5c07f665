// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LocalWeight} from "../types/LocalWeight.sol";
import {Node} from "../types/Node.sol";
import {Reason} from "../types/Reason.sol";
import {Round} from "../types/Round.sol";
import {Terms} from "../types/Terms.sol";

/// @title A federation: nodes that train one model together, and the record of what they did.
/// @notice Global 0 is the initial model; round r starts from global r - 1 and produces global r.
/// Weights, plan and report are sha2-256 digests, one to one with CIDv0.
/// @dev `history` is a running keccak over everything that happened but attestations. Each call
/// that changes it computes `keccak256(abi.encode(history, topic0, fields...))`, where the fields
/// are all of its event's in order, indexed or not, but the last, which is the new history.
interface IFederation {
    /// @notice The federation exists; its history starts as the keccak of
    /// `abi.encode(chainid, address(this), plan, initial, terms, header, owner)`.
    /// @param plan The plan's digest.
    /// @param initial The initial weights' digest.
    /// @param terms The terms from the start.
    /// @param header The account that closes rounds.
    /// @param owner The account that created it.
    /// @param history The history it starts with.
    event FederationCreated(
        bytes32 plan,
        bytes32 initial,
        Terms terms,
        address header,
        address owner,
        bytes32 history
    );

    /// @notice Node `nodeId` sent an update for `round`, its `attempt`-th in this opening.
    /// @param round The open round.
    /// @param nodeId The node.
    /// @param base The global that the update was trained from.
    /// @param weights The update's digest.
    /// @param samples Samples that the node says it trained on.
    /// @param attempt How many updates of the node this opening has seen.
    /// @param history The history from now on.
    event LocalWeightSet(
        uint32 indexed round,
        uint32 indexed nodeId,
        uint32 base,
        bytes32 weights,
        uint64 samples,
        uint8 attempt,
        bytes32 history
    );

    /// @notice An update was taken out of the open round.
    /// @param round The open round.
    /// @param nodeId The node whose update it was.
    /// @param weights The update's digest.
    /// @param reason The check that it failed.
    /// @param by Who rejected it.
    /// @param history The history from now on.
    event LocalWeightRejected(
        uint32 indexed round,
        uint32 indexed nodeId,
        bytes32 weights,
        Reason reason,
        address by,
        bytes32 history
    );

    /// @notice Global `round` was put; a later one for the same round replaces it.
    /// @param round The global's number.
    /// @param weights The global's digest.
    /// @param report The report's digest; zero for global 0.
    /// @param by Who put it.
    /// @param history The history from now on.
    event GlobalWeightSet(
        uint32 indexed round,
        bytes32 weights,
        bytes32 report,
        address by,
        bytes32 history
    );

    /// @notice Node `nodeId` recomputed global `round`, got `weights`, and saw `history`.
    /// @param round The global's number.
    /// @param nodeId The node.
    /// @param weights The digest that the node got.
    /// @param agrees Whether the contract has the same.
    /// @param history The history that the node saw, which stays as it is.
    event Attested(
        uint32 indexed round,
        uint32 indexed nodeId,
        bytes32 weights,
        bool agrees,
        bytes32 history
    );

    /// @notice Node `nodeId` takes part from the next opening.
    /// @param nodeId The node.
    /// @param account Its account.
    /// @param history The history from now on.
    event NodeRegistered(uint32 indexed nodeId, address account, bytes32 history);

    /// @notice Node `nodeId` has another key.
    /// @param nodeId The node.
    /// @param account Its account from now on.
    /// @param previous Its account until now.
    /// @param withdrew Whether its update was taken out of the open round.
    /// @param history The history from now on.
    event NodeReplaced(
        uint32 indexed nodeId,
        address account,
        address previous,
        bool withdrew,
        bytes32 history
    );

    /// @notice Node `nodeId` has left.
    /// @param nodeId The node.
    /// @param account Its account until now.
    /// @param withdrew Whether its update was taken out of the open round.
    /// @param history The history from now on.
    event NodeRemoved(uint32 indexed nodeId, address account, bool withdrew, bytes32 history);

    /// @notice Another account closes rounds.
    /// @param header The header from now on.
    /// @param previous The header until now.
    /// @param history The history from now on.
    event HeaderSet(address header, address previous, bytes32 history);

    /// @notice These terms come into force when the next round opens, or at once in round 0.
    /// @param terms The terms.
    /// @param history The history from now on.
    event TermsSet(Terms terms, bytes32 history);

    /// @notice The last round is now `rounds`.
    /// @param rounds The last round from now on.
    /// @param history The history from now on.
    event Extended(uint32 rounds, bytes32 history);

    /// @notice `round` starts again from the global before it, without updates.
    /// @param round The open round from now on.
    /// @param history The history from now on.
    event Reopened(uint32 indexed round, bytes32 history);

    /// @notice Only the owner does this.
    error NotOwner(address caller, address owner);

    /// @notice Only the account of node `nodeId` does this.
    error NotAccountOfNode(uint32 nodeId, address caller);

    /// @notice Only the header or the account of a registered node does this.
    error NotHeaderOrNode(address caller);

    /// @notice Only the account of a registered node does this.
    error NotNode(address caller);

    /// @notice The call is about another round than the one that it can act on.
    error WrongRound(uint32 given, uint32 open);

    /// @notice Global 0 has not been put yet.
    error NotStarted();

    /// @notice The last round has been closed.
    error FederationComplete(uint32 rounds);

    /// @notice The node takes part from a later opening.
    error NotYetMember(uint32 nodeId, uint32 since, uint32 opening);

    /// @notice Too few nodes attested the global that the open round starts from.
    error GlobalNotFinal(uint32 round, uint32 attested, uint32 finality);

    /// @notice The round cannot start from a global that it comes before.
    error BaseTooNew(uint32 base, uint32 round);

    /// @notice The base is older than the terms allow.
    error BaseTooOld(uint32 base, uint32 oldest);

    /// @notice An update of this node from this base or a newer one has been closed in.
    error BaseUsed(uint32 base, uint32 nextBase);

    /// @notice The round is closable, so it takes no more updates.
    error RoundFull(uint32 round, uint32 received);

    /// @notice An update of this node stands in the round.
    error AlreadySubmitted(uint32 nodeId, uint32 round, bytes32 weights);

    /// @notice The node has sent as many updates for this round as it may.
    error TooManyAttempts(uint32 nodeId, uint32 attempts);

    /// @notice No update of this node stands in the round.
    error NotStanding(uint32 nodeId, uint32 round);

    /// @notice Another update of this node stands in the round.
    error OtherWeights(bytes32 given, bytes32 standing);

    /// @notice The target is not reached, and the deadline not passed with a quorum.
    error NotClosable(uint32 received, uint32 target, uint32 quorum, uint256 deadline);

    /// @notice Until then this is left to others.
    error GraceRunning(uint256 until, uint256 timestamp);

    /// @notice Something happened that the caller had not seen.
    error StaleHistory(bytes32 given, bytes32 current);

    /// @notice Global 0 is the initial weights that the federation was created with.
    error NotInitialWeights(bytes32 given, bytes32 initial);

    /// @notice Global 0 has no report.
    error ReportNotEmpty(bytes32 report);

    /// @notice The global is these weights already.
    error SameWeights(bytes32 weights);

    /// @notice The node has replaced this round's global before.
    error AlreadyReplaced(uint32 nodeId, uint32 round);

    /// @notice The node has attested this global before.
    error AlreadyAttested(uint32 nodeId, uint32 round);

    /// @notice Node ids start at 1.
    error ZeroNodeId();

    /// @notice An account is not the zero address.
    error ZeroAccount();

    /// @notice The node id has an account.
    error NodeTaken(uint32 nodeId, address account);

    /// @notice The account holds a node id.
    error AccountTaken(address account, uint32 nodeId);

    /// @notice The node id has no account.
    error UnknownNode(uint32 nodeId);

    /// @notice 1 <= quorum <= target (or target 0), roundSeconds >= 1, rounds >= 1.
    error BadTerms(Terms terms);

    /// @notice quorum <= target <= registered (target 0 being that), finality <= registered.
    error TermsDoNotFit(Terms terms, uint32 registered);

    /// @notice The number of rounds changes by `extend` only.
    error RoundsDiffer(uint32 given, uint32 rounds);

    /// @notice An extension ends later.
    error NotLonger(uint32 given, uint32 rounds);

    /// @notice Record an update that node `nodeId` trained from global `base` for the open round.
    /// @dev The sample count and the bytes behind `weights` are judged off the chain and answered
    /// with `rejectLocalWeight`. A base must be newer than that of the node's last update that was
    /// closed in. An update that `reopen` discarded counts as closed in too once its round is below
    /// the open one.
    /// @param nodeId The node; the caller is its account.
    /// @param round The open round.
    /// @param base The global that the update was trained from.
    /// @param weights The update's digest.
    /// @param samples Samples that it was trained on.
    function setLocalWeight(
        uint32 nodeId,
        uint32 round,
        uint32 base,
        bytes32 weights,
        uint64 samples
    ) external;

    /// @notice Take an inadmissible update out of the open round; its node may send another.
    /// @dev By the header while the update stands, by any registered node after the grace.
    /// @param nodeId The node whose update it is.
    /// @param round The open round.
    /// @param weights The digest of the update that stands.
    /// @param reason The check that it failed.
    function rejectLocalWeight(
        uint32 nodeId,
        uint32 round,
        bytes32 weights,
        Reason reason
    ) external;

    /// @notice Put global `round`: close the open round, or replace a global that is not final.
    /// @dev Global 0 is put by the owner and starts the federation. The open round is closed by the
    /// header when closable, by any registered node after the grace. The global before, while not
    /// final, is replaced by any registered node after the grace, once per node and round.
    /// @param round The global's number.
    /// @param weights The global's digest.
    /// @param report The report's digest; zero for global 0.
    /// @param seen The history that the caller saw.
    function setGlobalWeight(uint32 round, bytes32 weights, bytes32 report, bytes32 seen) external;

    /// @notice Say which weights node `nodeId` got when it recomputed the latest global.
    /// @dev Other weights than the contract's do not count: they are a public dispute.
    /// @param nodeId The node; the caller is its account.
    /// @param round The latest global's number; at least 1.
    /// @param weights The digest that the node got.
    /// @param seen The history that the node saw.
    function attest(uint32 nodeId, uint32 round, bytes32 weights, bytes32 seen) external;

    /// @notice Let `account` speak for the new node `nodeId` from the next opening.
    /// @param nodeId An id without account; at least 1.
    /// @param account An account without id.
    function registerNode(uint32 nodeId, address account) external;

    /// @notice Give node `nodeId` another key at once, and withdraw its update from the open round.
    /// @param nodeId A registered node.
    /// @param account An account without id.
    function replaceNode(uint32 nodeId, address account) external;

    /// @notice Remove node `nodeId` at once, and withdraw its update from the open round.
    /// @param nodeId A registered node.
    function removeNode(uint32 nodeId) external;

    /// @notice Let another account close rounds from now on.
    /// @param account The new header.
    function setHeader(address account) external;

    /// @notice Change the terms from the next opening, or at once in round 0.
    /// @param changed The terms; `rounds` as they are.
    function setTerms(Terms calldata changed) external;

    /// @notice Add rounds; a federation that was complete opens its next one.
    /// @param toRound The new last round.
    function extend(uint32 toRound) external;

    /// @notice Start a round again from the same base, without its updates and attempts.
    /// @param round The open round, or the one before while its global is not final.
    function reopen(uint32 round) external;

    /// @notice The node's latest update.
    /// @param nodeId The node.
    /// @return The update; all zero if there was none.
    function getLocalWeight(uint32 nodeId) external view returns (LocalWeight memory);

    /// @notice The latest global.
    /// @return number Its number.
    /// @return weights Its digest.
    /// @return report Its report's digest.
    function getGlobalWeight()
        external
        view
        returns (uint32 number, bytes32 weights, bytes32 report);

    /// @notice The open round.
    /// @return The round.
    function state() external view returns (Round memory);

    /// @notice The terms in force.
    /// @return The terms.
    function terms() external view returns (Terms memory);

    /// @notice The terms that come into force when the next round opens.
    /// @return The terms; all zero if none are pending.
    function pendingTerms() external view returns (Terms memory);

    /// @notice A node's account and marks.
    /// @param nodeId The node.
    /// @return The node; its account is zero while it is not registered.
    function node(uint32 nodeId) external view returns (Node memory);

    /// @notice The node that `account` speaks for; 0 if none.
    /// @param account The account.
    /// @return The node's id.
    function nodeOf(address account) external view returns (uint32);

    /// @notice How many nodes are registered.
    /// @return The number of nodes.
    function registered() external view returns (uint24);

    /// @notice The account that closes rounds.
    /// @return The account.
    function header() external view returns (address);

    /// @notice The account that created the federation and keeps its membership and terms.
    /// @return The account.
    function owner() external view returns (address);

    /// @notice The digest of the plan: what is trained and by which rules.
    /// @return The digest.
    function plan() external view returns (bytes32);

    /// @notice The digest of the initial weights, which will be global 0.
    /// @return The digest.
    function initial() external view returns (bytes32);

    /// @notice The running keccak over everything that happened but attestations.
    /// @return The keccak.
    function history() external view returns (bytes32);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "./interfaces/IFederation.sol";
import {GlobalWeight} from "./types/GlobalWeight.sol";
import {LocalWeight} from "./types/LocalWeight.sol";
import {Node} from "./types/Node.sol";
import {Reason} from "./types/Reason.sol";
import {Round} from "./types/Round.sol";
import {Terms} from "./types/Terms.sol";

/// @title One federation: who takes part, which round is open, and what everybody did.
contract Federation is IFederation {
    uint8 private constant MAX_ATTEMPTS = 3;

    /// @inheritdoc IFederation
    bytes32 public immutable plan;
    /// @inheritdoc IFederation
    bytes32 public immutable initial;
    /// @inheritdoc IFederation
    address public immutable owner;

    /// @inheritdoc IFederation
    bytes32 public history;
    /// @inheritdoc IFederation
    address public header;
    /// @inheritdoc IFederation
    uint24 public registered;
    /// @inheritdoc IFederation
    mapping(address account => uint32 nodeId) public nodeOf;

    Round private _round;
    Terms private _terms;
    Terms private _pendingTerms;
    // Two, by the parity of the number: the global before the latest outlives a reopening.
    GlobalWeight[2] private _globals;
    mapping(uint32 nodeId => Node node) private _nodes;
    // Filed under the account that may write it, which spares reading whose it is; a node that is
    // not registered has its own under the zero address.
    mapping(uint32 nodeId => mapping(address account => LocalWeight update)) private _updates;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender, owner);
        _;
    }

    constructor(bytes32 plan_, bytes32 initial_, address header_, Terms memory terms_) {
        if (header_ == address(0)) revert ZeroAccount();
        _requireShape(terms_);
        (plan, initial, owner) = (plan_, initial_, msg.sender);
        (header, _terms) = (header_, terms_);
        history = keccak256(
            abi.encode(block.chainid, address(this), plan_, initial_, terms_, header_, msg.sender)
        );
        emit FederationCreated(plan_, initial_, terms_, header_, msg.sender, history);
    }

    /// @inheritdoc IFederation
    function setLocalWeight(
        uint32 nodeId,
        uint32 round,
        uint32 base,
        bytes32 weights,
        uint64 samples
    ) external {
        LocalWeight memory update = _updates[nodeId][msg.sender];
        Round memory open = _round;
        Terms memory inForce = _terms;
        if (update.since == 0) revert NotAccountOfNode(nodeId, msg.sender);
        _requireRunning(round, open, inForce);
        if (update.since > open.opening) revert NotYetMember(nodeId, update.since, open.opening);
        _requireFinal(open, inForce);
        update.nextBase = _nextBase(update, round);
        _requireBase(base, round, update.nextBase, inForce);
        if (_closableSince(open, inForce) != 0) revert RoundFull(round, open.received);
        _requireAttempt(nodeId, update, open);

        update.attempts = update.opening == open.opening ? update.attempts + 1 : 1;
        (update.weights, update.samples) = (weights, samples);
        (update.round, update.base, update.opening) = (round, base, open.opening);
        update.standing = true;
        _updates[nodeId][msg.sender] = update;
        open.received += 1;
        if (_isClosable(open, inForce)) open.closableAt = uint40(block.timestamp);
        _round = open;

        bytes32 topic = LocalWeightSet.selector;
        bytes32 next = keccak256(
            abi.encode(history, topic, round, nodeId, base, weights, samples, update.attempts)
        );
        history = next;
        emit LocalWeightSet(round, nodeId, base, weights, samples, update.attempts, next);
    }

    /// @inheritdoc IFederation
    function rejectLocalWeight(
        uint32 nodeId,
        uint32 round,
        bytes32 weights,
        Reason reason
    ) external {
        LocalWeight storage update = _updates[nodeId][_nodes[nodeId].account];
        Round memory open = _round;
        if (round != open.number) revert WrongRound(round, open.number);
        if (!_stands(update, open)) revert NotStanding(nodeId, round);
        if (weights != update.weights) revert OtherWeights(weights, update.weights);
        if (msg.sender != header) _requireGrace(open, _terms);
        _withdraw(update);
        history = keccak256(
            abi.encode(
                history, LocalWeightRejected.selector, round, nodeId, weights, reason, msg.sender
            )
        );
        emit LocalWeightRejected(round, nodeId, weights, reason, msg.sender, history);
    }

    /// @inheritdoc IFederation
    function setGlobalWeight(uint32 round, bytes32 weights, bytes32 report, bytes32 seen) external {
        _requireSeen(seen);
        Round memory open = _round;
        uint32 number = open.number;
        if (round == number) {
            if (round == 0) _requireStart(weights, report);
            else _requireClose(open);
            number = round + 1;
        } else {
            if (!_isLatest(round, number) || open.finalized) revert WrongRound(round, number);
            _requireReplacement(round, weights, open);
        }
        _globals[round & 1] = GlobalWeight(weights, report);
        _open(number, round == 0);
        history = keccak256(
            abi.encode(seen, GlobalWeightSet.selector, round, weights, report, msg.sender)
        );
        emit GlobalWeightSet(round, weights, report, msg.sender, history);
    }

    /// @inheritdoc IFederation
    function attest(uint32 nodeId, uint32 round, bytes32 weights, bytes32 seen) external {
        Round memory open = _round;
        if (_nodes[nodeId].account != msg.sender) revert NotAccountOfNode(nodeId, msg.sender);
        if (!_isLatest(round, open.number)) revert WrongRound(round, open.number);
        _requireSeen(seen);
        if (_nodes[nodeId].attested == open.opening) revert AlreadyAttested(nodeId, round);
        _nodes[nodeId].attested = open.opening;
        bool agrees = weights == _globals[round & 1].weights;
        if (agrees) _count(open);
        emit Attested(round, nodeId, weights, agrees, seen);
    }

    /// @inheritdoc IFederation
    function registerNode(uint32 nodeId, address account) external onlyOwner {
        if (nodeId == 0) revert ZeroNodeId();
        address holder = _nodes[nodeId].account;
        if (holder != address(0)) revert NodeTaken(nodeId, holder);
        _hand(nodeId, account);
        registered += 1;
        // Extending a complete federation opens its round without a new opening.
        uint32 wait = _round.number > _terms.rounds ? 0 : 1;
        _updates[nodeId][account].since = _round.opening + wait;
        history = keccak256(abi.encode(history, NodeRegistered.selector, nodeId, account));
        emit NodeRegistered(nodeId, account, history);
    }

    /// @inheritdoc IFederation
    function replaceNode(uint32 nodeId, address account) external onlyOwner {
        address previous = _requireNode(nodeId);
        bool withdrew = _withdraw(_updates[nodeId][previous]);
        _updates[nodeId][previous].attempts = 0;
        _hand(nodeId, account);
        delete nodeOf[previous];
        history = keccak256(
            abi.encode(history, NodeReplaced.selector, nodeId, account, previous, withdrew)
        );
        emit NodeReplaced(nodeId, account, previous, withdrew, history);
    }

    /// @inheritdoc IFederation
    function removeNode(uint32 nodeId) external onlyOwner {
        address account = _requireNode(nodeId);
        bool withdrew = _withdraw(_updates[nodeId][account]);
        _updates[nodeId][account].since = 0;
        _move(nodeId, address(0));
        delete nodeOf[account];
        registered -= 1;
        if (_round.number != 0) _requireFit(_nextTerms());
        history = keccak256(
            abi.encode(history, NodeRemoved.selector, nodeId, account, withdrew)
        );
        emit NodeRemoved(nodeId, account, withdrew, history);
    }

    /// @inheritdoc IFederation
    function setHeader(address account) external onlyOwner {
        if (account == address(0)) revert ZeroAccount();
        address previous = header;
        header = account;
        history = keccak256(abi.encode(history, HeaderSet.selector, account, previous));
        emit HeaderSet(account, previous, history);
    }

    /// @inheritdoc IFederation
    function setTerms(Terms calldata changed) external onlyOwner {
        if (changed.rounds != _terms.rounds) revert RoundsDiffer(changed.rounds, _terms.rounds);
        _requireShape(changed);
        if (_round.number == 0) {
            _terms = changed;
        } else {
            _requireFit(changed);
            _pendingTerms = changed;
            _round.termsPending = true;
        }
        history = keccak256(abi.encode(history, TermsSet.selector, changed));
        emit TermsSet(changed, history);
    }

    /// @inheritdoc IFederation
    function extend(uint32 toRound) external onlyOwner {
        uint32 rounds = _terms.rounds;
        if (toRound <= rounds) revert NotLonger(toRound, rounds);
        _terms.rounds = toRound;
        if (_round.termsPending) _pendingTerms.rounds = toRound;
        if (_round.number > rounds) _openExtended();
        history = keccak256(abi.encode(history, Extended.selector, toRound));
        emit Extended(toRound, history);
    }

    /// @inheritdoc IFederation
    function reopen(uint32 round) external onlyOwner {
        uint32 number = _round.number;
        bool finalized = _round.finalized;
        if (round == number && round != 0) {
            _open(round, finalized);
        } else {
            if (!_isLatest(round, number) || finalized) revert WrongRound(round, number);
            // It took updates once, so the global that it starts from was final.
            _open(round, true);
        }
        history = keccak256(abi.encode(history, Reopened.selector, round));
        emit Reopened(round, history);
    }

    /// @inheritdoc IFederation
    function getLocalWeight(uint32 nodeId) external view returns (LocalWeight memory update) {
        update = _updates[nodeId][_nodes[nodeId].account];
        update.nextBase = _nextBase(update, _round.number);
    }

    /// @inheritdoc IFederation
    function getGlobalWeight()
        external
        view
        returns (uint32 number, bytes32 weights, bytes32 report)
    {
        if (_round.number == 0) revert NotStarted();
        number = _round.number - 1;
        GlobalWeight storage latest = _globals[number & 1];
        (weights, report) = (latest.weights, latest.report);
    }

    /// @inheritdoc IFederation
    function state() external view returns (Round memory) {
        return _round;
    }

    /// @inheritdoc IFederation
    function terms() external view returns (Terms memory) {
        return _terms;
    }

    /// @inheritdoc IFederation
    function pendingTerms() external view returns (Terms memory) {
        return _pendingTerms;
    }

    /// @inheritdoc IFederation
    function node(uint32 nodeId) external view returns (Node memory) {
        return _nodes[nodeId];
    }

    /// @dev Whoever is registered now is a member, and pending terms come into force.
    function _open(uint32 number, bool finalized) private {
        _enforceTerms();
        _round = Round({
            number: number,
            opening: _round.opening + 1,
            members: registered,
            received: 0,
            attested: 0,
            openedAt: uint40(block.timestamp),
            closableAt: 0,
            finalized: finalized || _terms.finality == 0,
            termsPending: false
        });
    }

    /// @dev Without a new opening, so that attestations of the last global go on counting.
    function _openExtended() private {
        _enforceTerms();
        Round memory open = _round;
        open.members = registered;
        open.openedAt = uint40(block.timestamp);
        open.termsPending = false;
        open.finalized = open.finalized || open.attested >= _terms.finality;
        _round = open;
    }

    function _enforceTerms() private {
        if (!_round.termsPending) return;
        _terms = _pendingTerms;
        delete _pendingTerms;
    }

    /// @dev The clock of the round starts when the global that it starts from becomes final.
    function _count(Round memory open) private {
        open.attested += 1;
        if (!open.finalized && open.attested >= _terms.finality) {
            open.finalized = true;
            open.openedAt = uint40(block.timestamp);
        }
        _round = open;
    }

    function _withdraw(LocalWeight storage update) private returns (bool) {
        Round memory open = _round;
        if (!_stands(update, open)) return false;
        update.standing = false;
        open.received -= 1;
        if (open.closableAt != 0 && !_isClosable(open, _terms)) open.closableAt = 0;
        _round = open;
        return true;
    }

    function _hand(uint32 nodeId, address account) private {
        if (account == address(0)) revert ZeroAccount();
        if (nodeOf[account] != 0) revert AccountTaken(account, nodeOf[account]);
        nodeOf[account] = nodeId;
        _move(nodeId, account);
    }

    function _move(uint32 nodeId, address to) private {
        address from = _nodes[nodeId].account;
        _nodes[nodeId].account = to;
        _updates[nodeId][to] = _updates[nodeId][from];
        delete _updates[nodeId][from];
    }

    function _requireStart(bytes32 weights, bytes32 report) private view onlyOwner {
        if (weights != initial) revert NotInitialWeights(weights, initial);
        if (report != 0) revert ReportNotEmpty(report);
        _requireFit(_terms);
    }

    function _requireClose(Round memory open) private view {
        Terms memory inForce = _terms;
        if (open.number > inForce.rounds) revert FederationComplete(inForce.rounds);
        if (msg.sender == header) _requireClosable(open, inForce);
        else _requireGrace(open, inForce);
    }

    function _requireReplacement(uint32 round, bytes32 weights, Round memory open) private {
        uint32 nodeId = nodeOf[msg.sender];
        if (nodeId == 0) revert NotNode(msg.sender);
        _requireAfter(uint256(open.openedAt) + _terms.graceSeconds);
        if (_nodes[nodeId].replaced == round) revert AlreadyReplaced(nodeId, round);
        if (weights == _globals[round & 1].weights) revert SameWeights(weights);
        _nodes[nodeId].replaced = round;
    }

    function _requireGrace(Round memory open, Terms memory inForce) private view {
        if (nodeOf[msg.sender] == 0) revert NotHeaderOrNode(msg.sender);
        _requireAfter(_requireClosable(open, inForce) + inForce.graceSeconds);
    }

    function _requireClosable(
        Round memory open,
        Terms memory inForce
    ) private view returns (uint256 since) {
        since = _closableSince(open, inForce);
        if (since == 0) {
            revert NotClosable(
                open.received, _target(open, inForce), inForce.quorum, _deadline(open, inForce)
            );
        }
    }

    function _requireAfter(uint256 until) private view {
        if (block.timestamp < until) revert GraceRunning(until, block.timestamp);
    }

    function _requireSeen(bytes32 seen) private view {
        if (seen != history) revert StaleHistory(seen, history);
    }

    function _requireNode(uint32 nodeId) private view returns (address account) {
        account = _nodes[nodeId].account;
        if (account == address(0)) revert UnknownNode(nodeId);
    }

    function _requireFit(Terms memory given) private view {
        uint32 nodes = registered;
        uint32 target = given.target == 0 ? nodes : given.target;
        if (given.quorum > target || target > nodes || given.finality > nodes) {
            revert TermsDoNotFit(given, nodes);
        }
    }

    function _nextTerms() private view returns (Terms memory) {
        return _round.termsPending ? _pendingTerms : _terms;
    }

    /// @dev What makes a round closable cannot pass unnoticed: without `closableAt` it can only
    /// have been the deadline.
    function _closableSince(
        Round memory open,
        Terms memory inForce
    ) private view returns (uint256) {
        if (open.closableAt != 0) return open.closableAt;
        return _isClosable(open, inForce) ? _deadline(open, inForce) : 0;
    }

    function _isClosable(Round memory open, Terms memory inForce) private view returns (bool) {
        if (open.received >= _target(open, inForce)) return true;
        return open.received >= inForce.quorum && block.timestamp >= _deadline(open, inForce);
    }

    function _stands(
        LocalWeight storage update,
        Round memory open
    ) private view returns (bool) {
        return update.standing && update.opening == open.opening;
    }

    function _requireShape(Terms memory given) private pure {
        bool reachable = given.target == 0 || given.quorum <= given.target;
        if (!reachable || given.quorum == 0 || given.roundSeconds == 0 || given.rounds == 0) {
            revert BadTerms(given);
        }
    }

    function _requireRunning(
        uint32 round,
        Round memory open,
        Terms memory inForce
    ) private pure {
        if (round != open.number) revert WrongRound(round, open.number);
        if (round == 0) revert NotStarted();
        if (round > inForce.rounds) revert FederationComplete(inForce.rounds);
    }

    function _requireFinal(Round memory open, Terms memory inForce) private pure {
        if (open.finalized) return;
        revert GlobalNotFinal(open.number - 1, open.attested, inForce.finality);
    }

    function _requireBase(
        uint32 base,
        uint32 round,
        uint32 nextBase,
        Terms memory inForce
    ) private pure {
        if (base >= round) revert BaseTooNew(base, round);
        if (round - 1 - base > inForce.maxStaleness) {
            revert BaseTooOld(base, round - 1 - inForce.maxStaleness);
        }
        if (base < nextBase) revert BaseUsed(base, nextBase);
    }

    function _requireAttempt(
        uint32 nodeId,
        LocalWeight memory update,
        Round memory open
    ) private pure {
        if (update.opening != open.opening) return;
        if (update.standing) revert AlreadySubmitted(nodeId, open.number, update.weights);
        if (update.attempts >= MAX_ATTEMPTS) revert TooManyAttempts(nodeId, update.attempts);
    }

    /// @dev An update that was closed in uses its base up.
    function _nextBase(LocalWeight memory update, uint32 round) private pure returns (uint32) {
        return update.standing && update.round < round ? update.base + 1 : update.nextBase;
    }

    function _isLatest(uint32 round, uint32 number) private pure returns (bool) {
        return round != 0 && uint256(round) + 1 == number;
    }

    function _target(Round memory open, Terms memory inForce) private pure returns (uint32) {
        return inForce.target == 0 ? open.members : inForce.target;
    }

    function _deadline(Round memory open, Terms memory inForce) private pure returns (uint256) {
        return uint256(open.openedAt) + inForce.roundSeconds;
    }
}

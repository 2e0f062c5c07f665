// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "./interfaces/IFederation.sol";
import {Ownership} from "./Ownership.sol";
import {State} from "./State.sol";
import {GlobalWeight} from "./types/GlobalWeight.sol";
import {Reason} from "./types/Reason.sol";
import {Record, packed} from "./types/Record.sol";
import {Seat} from "./types/Seat.sol";
import {Terms} from "./types/Terms.sol";

/// @title One federation: what its nodes and its header do.
/// @notice Updates come in, the header closes the round with a global, the nodes attest it.
contract Federation is Ownership {
    uint8 private constant MAX_ATTEMPTS = 3;

    constructor(
        bytes32 plan_,
        bytes32 initial_,
        address header_,
        Terms memory terms_
    ) State(plan_, initial_, header_, terms_) {}

    /// @inheritdoc IFederation
    function setLocalWeight(
        uint32 nodeId,
        uint32 round,
        uint32 base,
        bytes32 weights,
        uint64 samples
    ) external {
        Seat storage seat = _seats[nodeId][msg.sender];
        Record latest = seat.record;
        uint32 opening = _round.opening;
        _requireTurn(nodeId, round, latest.since(), opening);
        uint32 nextBase = latest.nextBase(round);
        _requireBase(base, round, nextBase);
        uint32 enough = _enough(
            _round.openedAt, _round.members, _terms.target, _terms.quorum, _terms.roundSeconds
        );
        uint24 received = _round.received;
        if (received >= enough) revert RoundFull(round, received);
        uint8 attempt = latest.opening() == opening ? _nextAttempt(nodeId, round, seat) : 1;

        received += 1;
        _round.received = received;
        if (received >= enough) _round.closableAt = uint40(block.timestamp);
        seat.record = packed(latest.since(), nextBase, base, round, opening, samples, attempt);
        seat.weights = weights;
        bytes32 topic = LocalWeightSet.selector;
        history = keccak256(
            abi.encode(history, topic, round, nodeId, base, weights, samples, attempt)
        );
        emit LocalWeightSet(round, nodeId, base, weights, samples, attempt, history);
    }

    /// @inheritdoc IFederation
    function rejectLocalWeight(
        uint32 nodeId,
        uint32 round,
        bytes32 weights,
        Reason reason
    ) external {
        Seat storage seat = _seats[nodeId][_nodes[nodeId].account];
        if (round != _round.number) revert WrongRound(round, _round.number);
        if (!_stands(seat.record)) revert NotStanding(nodeId, round);
        if (weights != seat.weights) revert OtherWeights(weights, seat.weights);
        if (msg.sender != header) _requireGrace();
        _withdraw(seat);
        bytes32 topic = LocalWeightRejected.selector;
        history = keccak256(
            abi.encode(history, topic, round, nodeId, weights, reason, msg.sender)
        );
        emit LocalWeightRejected(round, nodeId, weights, reason, msg.sender, history);
    }

    /// @inheritdoc IFederation
    function setGlobalWeight(uint32 round, bytes32 weights, bytes32 report, bytes32 seen) external {
        _requireSeen(seen);
        uint32 number = _round.number;
        if (round == number) {
            if (round == 0) _requireStart(weights, report);
            else _requireClose(round);
            number = round + 1;
        } else {
            bool replaceable = _isLatest(round, number) && !_round.finalized;
            if (!replaceable) revert WrongRound(round, number);
            _requireReplacement(round, weights);
        }
        _globals[round & 1] = GlobalWeight(weights, report);
        _open(number, round == 0);
        bytes32 topic = GlobalWeightSet.selector;
        history = keccak256(abi.encode(seen, topic, round, weights, report, msg.sender));
        emit GlobalWeightSet(round, weights, report, msg.sender, history);
    }

    /// @inheritdoc IFederation
    function attest(uint32 nodeId, uint32 round, bytes32 weights, bytes32 seen) external {
        if (_nodes[nodeId].account != msg.sender) revert NotAccountOfNode(nodeId, msg.sender);
        if (!_isLatest(round, _round.number)) revert WrongRound(round, _round.number);
        _requireSeen(seen);
        if (_nodes[nodeId].attested == _round.opening) revert AlreadyAttested(nodeId, round);
        _nodes[nodeId].attested = _round.opening;
        bool agrees = weights == _globals[round & 1].weights;
        if (agrees) _count();
        emit Attested(round, nodeId, weights, agrees, seen);
    }

    /// @dev The clock of the round starts when the global that it starts from becomes final.
    function _count() private {
        uint24 attested = _round.attested + 1;
        _round.attested = attested;
        if (!_round.finalized && attested >= _terms.finality) {
            _round.finalized = true;
            _round.openedAt = uint40(block.timestamp);
        }
    }

    function _requireReplacement(uint32 round, bytes32 weights) private {
        uint32 nodeId = nodeOf[msg.sender];
        if (nodeId == 0) revert NotNode(msg.sender);
        _requireAfter(uint256(_round.openedAt) + _terms.graceSeconds);
        if (_nodes[nodeId].replaced == round) revert AlreadyReplaced(nodeId, round);
        if (weights == _globals[round & 1].weights) revert SameWeights(weights);
        _nodes[nodeId].replaced = round;
    }

    function _requireTurn(
        uint32 nodeId,
        uint32 round,
        uint32 since,
        uint32 opening
    ) private view {
        if (since == 0) revert NotAccountOfNode(nodeId, msg.sender);
        if (round != _round.number) revert WrongRound(round, _round.number);
        if (round == 0) revert NotStarted();
        if (round > _terms.rounds) revert FederationComplete(_terms.rounds);
        if (since > opening) revert NotYetMember(nodeId, since, opening);
        if (!_round.finalized) {
            revert GlobalNotFinal(round - 1, _round.attested, _terms.finality);
        }
    }

    function _requireBase(uint32 base, uint32 round, uint32 nextBase) private view {
        if (base >= round) revert BaseTooNew(base, round);
        uint32 maxStaleness = _terms.maxStaleness;
        if (uint256(base) + maxStaleness + 1 < round) {
            revert BaseTooOld(base, round - 1 - maxStaleness);
        }
        if (base < nextBase) revert BaseUsed(base, nextBase);
    }

    function _nextAttempt(
        uint32 nodeId,
        uint32 round,
        Seat storage seat
    ) private view returns (uint8 attempt) {
        if (seat.record.standing()) revert AlreadySubmitted(nodeId, round, seat.weights);
        attempt = seat.record.attempts() + 1;
        if (attempt > MAX_ATTEMPTS) revert TooManyAttempts(nodeId, MAX_ATTEMPTS);
    }

    function _requireStart(bytes32 weights, bytes32 report) private view {
        _requireOwner();
        if (weights != initial) revert NotInitialWeights(weights, initial);
        if (report != 0) revert ReportNotEmpty(report);
        _requireFit(_terms);
    }

    function _requireClose(uint32 round) private view {
        if (round > _terms.rounds) revert FederationComplete(_terms.rounds);
        if (msg.sender == header) _requireClosable();
        else _requireGrace();
    }

    function _requireGrace() private view {
        if (nodeOf[msg.sender] == 0) revert NotHeaderOrNode(msg.sender);
        _requireClosable();
        // Updates that make a round closable leave a mark: without, the deadline did.
        uint256 since = _round.closableAt == 0 ? _deadline() : _round.closableAt;
        _requireAfter(since + _terms.graceSeconds);
    }

    function _requireClosable() private view {
        uint24 received = _round.received;
        if (_isClosable(received)) return;
        uint32 target = _terms.target == 0 ? _round.members : _terms.target;
        revert NotClosable(received, target, _terms.quorum, _deadline());
    }

    function _deadline() private view returns (uint256) {
        return uint256(_round.openedAt) + _terms.roundSeconds;
    }

    function _requireAfter(uint256 until) private view {
        if (block.timestamp < until) revert GraceRunning(until, block.timestamp);
    }

    function _requireSeen(bytes32 seen) private view {
        if (seen != history) revert StaleHistory(seen, history);
    }
}

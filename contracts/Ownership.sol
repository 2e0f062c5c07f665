// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "./interfaces/IFederation.sol";
import {State} from "./State.sol";
import {Seat} from "./types/Seat.sol";
import {Terms} from "./types/Terms.sol";

/// @title What the owner does: membership, terms, and a second chance for a round.
/// @notice The owner is trusted for these, never for arithmetic.
abstract contract Ownership is State {
    modifier onlyOwner() {
        _requireOwner();
        _;
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
        Seat storage seat = _seats[nodeId][account];
        seat.record = seat.record.withSince(_round.opening + wait);
        history = keccak256(abi.encode(history, NodeRegistered.selector, nodeId, account));
        emit NodeRegistered(nodeId, account, history);
    }

    /// @inheritdoc IFederation
    function replaceNode(uint32 nodeId, address account) external onlyOwner {
        address previous = _requireNode(nodeId);
        Seat storage seat = _seats[nodeId][previous];
        bool withdrew = _withdraw(seat);
        seat.record = seat.record.withoutAttempts();
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
        Seat storage seat = _seats[nodeId][account];
        bool withdrew = _withdraw(seat);
        seat.record = seat.record.withSince(0);
        _move(nodeId, address(0));
        delete nodeOf[account];
        registered -= 1;
        if (_round.number != 0) _requireFit(_round.termsPending ? _pendingTerms : _terms);
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

    function _requireOwner() internal view {
        if (msg.sender != owner) revert NotOwner(msg.sender, owner);
    }

    /// @dev Without a new opening, so that attestations of the last global go on counting.
    function _openExtended() private {
        _enforceTerms();
        _round.members = registered;
        _round.openedAt = uint40(block.timestamp);
        _round.termsPending = false;
        if (_round.attested >= _terms.finality) _round.finalized = true;
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
        _seats[nodeId][to] = _seats[nodeId][from];
        delete _seats[nodeId][from];
    }

    function _requireNode(uint32 nodeId) private view returns (address account) {
        account = _nodes[nodeId].account;
        if (account == address(0)) revert UnknownNode(nodeId);
    }
}

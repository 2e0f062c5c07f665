// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "./interfaces/IFederation.sol";
import {GlobalWeight} from "./types/GlobalWeight.sol";
import {LocalWeight} from "./types/LocalWeight.sol";
import {Node} from "./types/Node.sol";
import {Record, unpacked} from "./types/Record.sol";
import {Round} from "./types/Round.sol";
import {Seat} from "./types/Seat.sol";
import {Terms} from "./types/Terms.sol";

/// @title What a federation keeps, and what anyone may read.
/// @notice Rounds open here, and here it is known whether one can be closed.
abstract contract State is IFederation {
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

    Round internal _round;
    Terms internal _terms;
    Terms internal _pendingTerms;
    // Two, by the parity of the number: the global before the latest outlives a reopening.
    GlobalWeight[2] internal _globals;
    mapping(uint32 nodeId => Node node) internal _nodes;
    // Filed under the account that may write it, which spares reading whose it is; a node that is
    // not registered has its own under the zero address.
    mapping(uint32 nodeId => mapping(address account => Seat seat)) internal _seats;

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
    function getLocalWeight(uint32 nodeId) external view returns (LocalWeight memory) {
        Seat storage seat = _seats[nodeId][_nodes[nodeId].account];
        return unpacked(seat.record, seat.weights, _round.number);
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
    function _open(uint32 number, bool finalized) internal {
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

    function _enforceTerms() internal {
        if (!_round.termsPending) return;
        _terms = _pendingTerms;
        delete _pendingTerms;
    }

    /// @dev Takes the seat's update out of the open round, if it stands there.
    function _withdraw(Seat storage seat) internal returns (bool withdrew) {
        if (!_stands(seat.record)) return false;
        seat.record = seat.record.withdrawn();
        uint24 received = _round.received - 1;
        _round.received = received;
        if (_round.closableAt != 0 && !_isClosable(received)) _round.closableAt = 0;
        return true;
    }

    function _stands(Record record) internal view returns (bool) {
        return record.standing() && record.opening() == _round.opening;
    }

    function _isClosable(uint24 received) internal view returns (bool) {
        return received >= _enough(
            _round.openedAt, _round.members, _terms.target, _terms.quorum, _terms.roundSeconds
        );
    }

    /// @dev How many updates make a round closable now; a quorum is never above the target.
    function _enough(
        uint40 openedAt,
        uint24 members,
        uint32 target,
        uint32 quorum,
        uint32 roundSeconds
    ) internal view returns (uint32) {
        if (block.timestamp >= uint256(openedAt) + roundSeconds) return quorum;
        return target == 0 ? members : target;
    }

    function _isLatest(uint32 round, uint32 number) internal pure returns (bool) {
        return round != 0 && uint256(round) + 1 == number;
    }

    function _requireFit(Terms memory given) internal view {
        uint32 nodes = registered;
        uint32 target = given.target == 0 ? nodes : given.target;
        if (given.quorum > target || target > nodes || given.finality > nodes) {
            revert TermsDoNotFit(given, nodes);
        }
    }

    function _requireShape(Terms memory given) internal pure {
        bool reachable = given.target == 0 || given.quorum <= given.target;
        if (!reachable || given.quorum == 0 || given.roundSeconds == 0 || given.rounds == 0) {
            revert BadTerms(given);
        }
    }
}

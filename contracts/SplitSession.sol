// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISplitSession} from "./interfaces/ISplitSession.sol";
import {EpochRecord} from "./types/EpochRecord.sol";
import {Mark} from "./types/Mark.sol";
import {Session} from "./types/Session.sol";
import {Side} from "./types/Side.sol";
import {recovered} from "./types/Signature.sol";
import {SplitTerms} from "./types/SplitTerms.sol";

/// @title Split learning between nodes and one provider: who they are, what both signed.
/// @notice Each epoch of a node is one record, whatever the number of its steps.
contract SplitSession is ISplitSession {
    uint256 private constant MAX_CERTIFICATE_BYTES = 2048;
    uint256 private constant MAX_ENDPOINT_BYTES = 255;
    bytes32 private constant DOMAIN_TYPE = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant DOMAIN_NAME = keccak256("flnode split session");
    bytes32 private constant DOMAIN_VERSION = keccak256("1");

    /// @inheritdoc ISplitSession
    bytes32 public immutable plan;
    /// @inheritdoc ISplitSession
    address public immutable owner;
    uint32 private immutable _epochs;
    uint32 private immutable _deadlineSeconds;

    /// @inheritdoc ISplitSession
    bytes32 public history;
    /// @inheritdoc ISplitSession
    address public provider;
    /// @inheritdoc ISplitSession
    uint40 public providerSince;
    /// @inheritdoc ISplitSession
    mapping(address account => uint32 nodeId) public nodeOf;
    mapping(uint32 nodeId => Session session) private _sessions;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender, owner);
        _;
    }

    constructor(bytes32 plan_, address provider_, SplitTerms memory terms_) {
        if (provider_ == address(0)) revert ZeroAccount();
        if (terms_.epochs == 0 || terms_.deadlineSeconds == 0) revert BadTerms(terms_);
        (plan, owner, provider) = (plan_, msg.sender, provider_);
        (_epochs, _deadlineSeconds) = (terms_.epochs, terms_.deadlineSeconds);
        history = keccak256(
            abi.encode(block.chainid, address(this), plan_, terms_, provider_, msg.sender)
        );
        emit SplitSessionCreated(plan_, terms_, provider_, msg.sender, history);
    }

    /// @inheritdoc ISplitSession
    function registerNode(uint32 nodeId, address account) external onlyOwner {
        if (nodeId == 0) revert ZeroNodeId();
        if (account == provider) revert AccountOfProvider(account);
        Session storage session_ = _sessions[nodeId];
        if (session_.account != address(0)) revert NodeTaken(nodeId, session_.account);
        _requireFree(account);
        nodeOf[account] = nodeId;
        session_.account = account;
        history = keccak256(abi.encode(history, NodeRegistered.selector, nodeId, account));
        emit NodeRegistered(nodeId, account, history);
    }

    /// @inheritdoc ISplitSession
    function removeNode(uint32 nodeId) external onlyOwner {
        address account = _accountOf(nodeId);
        delete nodeOf[account];
        _sessions[nodeId].account = address(0);
        _sessions[nodeId].since = 0;
        history = keccak256(abi.encode(history, NodeRemoved.selector, nodeId, account));
        emit NodeRemoved(nodeId, account, history);
    }

    /// @inheritdoc ISplitSession
    function setProvider(address account) external onlyOwner {
        _requireFree(account);
        address previous = provider;
        if (account == previous) revert AccountOfProvider(account);
        (provider, providerSince) = (account, 0);
        history = keccak256(abi.encode(history, ProviderSet.selector, account, previous));
        emit ProviderSet(account, previous, history);
    }

    /// @inheritdoc ISplitSession
    function announce(
        uint32 nodeId,
        bytes32 key,
        bytes calldata certificate,
        bytes calldata endpoint,
        uint40 expires
    ) external {
        _requireParty(nodeId);
        if (key == 0) revert EmptyKey();
        _requireLength(certificate.length, MAX_CERTIFICATE_BYTES);
        _requireLength(endpoint.length, MAX_ENDPOINT_BYTES);
        if (expires <= block.timestamp) revert Expired(expires, block.timestamp);
        _appear(nodeId);
        bytes32 topic = Announced.selector;
        history = keccak256(
            abi.encode(history, topic, nodeId, msg.sender, key, certificate, endpoint, expires)
        );
        emit Announced(nodeId, msg.sender, key, certificate, endpoint, expires, history);
    }

    /// @inheritdoc ISplitSession
    function recordEpoch(
        EpochRecord calldata record,
        bytes calldata nodeSignature,
        bytes calldata providerSignature
    ) external {
        uint32 nodeId = record.nodeId;
        uint32 epoch = record.epoch;
        address account = _accountOf(nodeId);
        _requireNext(epoch, _sessions[nodeId].epochs);
        bytes32 digest = _digest(record);
        _requireSigned(nodeId, account, recovered(digest, nodeSignature));
        _requireSigned(0, provider, recovered(digest, providerSignature));
        _sessions[nodeId] =
            Session(account, epoch, uint40(block.timestamp), Mark.None, Mark.None);
        bytes32 topic = EpochRecorded.selector;
        history = keccak256(
            abi.encode(history, topic, record, nodeSignature, providerSignature)
        );
        emit EpochRecorded(
            nodeId,
            epoch,
            record.steps,
            record.root,
            record.records,
            record.nodeCheckpoint,
            record.providerCheckpoint,
            nodeSignature,
            providerSignature,
            history
        );
    }

    /// @inheritdoc ISplitSession
    function recordAlone(
        uint32 nodeId,
        uint32 epoch,
        uint32 steps,
        bytes32 root,
        bytes32 records,
        bytes32 checkpoint,
        uint32 firstDifference
    ) external {
        Side side = _mark(nodeId, epoch, firstDifference);
        bytes32 topic = RecordedAlone.selector;
        history = keccak256(
            abi.encode(
                history,
                topic,
                nodeId,
                epoch,
                side,
                msg.sender,
                steps,
                root,
                records,
                checkpoint,
                firstDifference
            )
        );
        emit RecordedAlone(
            nodeId,
            epoch,
            side,
            msg.sender,
            steps,
            root,
            records,
            checkpoint,
            firstDifference,
            history
        );
    }

    /// @inheritdoc ISplitSession
    function handOn(uint32 fromNode, uint32 toNode, uint32 epoch, bytes32 weights) external {
        if (msg.sender != _accountOf(fromNode)) revert NotAccountOfNode(fromNode, msg.sender);
        if (toNode == fromNode) revert SameNode(toNode);
        if (toNode != 0) _accountOf(toNode);
        uint32 epochs = _sessions[fromNode].epochs;
        if (epoch == 0 || epoch > epochs) revert NotRecorded(fromNode, epoch, epochs);
        bytes32 topic = HandedOn.selector;
        history = keccak256(abi.encode(history, topic, fromNode, toNode, epoch, weights));
        emit HandedOn(fromNode, toNode, epoch, weights, history);
    }

    /// @inheritdoc ISplitSession
    function session(uint32 nodeId) external view returns (Session memory) {
        return _sessions[nodeId];
    }

    /// @inheritdoc ISplitSession
    function terms() external view returns (SplitTerms memory) {
        return SplitTerms(_epochs, _deadlineSeconds);
    }

    /// @dev Only the first announcement counts: who announces again cannot put the deadline off.
    function _appear(uint32 nodeId) private {
        if (nodeId == 0) {
            if (providerSince == 0) providerSince = uint40(block.timestamp);
        } else if (_sessions[nodeId].since == 0) {
            _sessions[nodeId].since = uint40(block.timestamp);
        }
    }

    /// @dev Takes one side's word for the node's next epoch: of each kind once, a dispute last.
    function _mark(
        uint32 nodeId,
        uint32 epoch,
        uint32 firstDifference
    ) private returns (Side side) {
        address account = _accountOf(nodeId);
        Session storage session_ = _sessions[nodeId];
        side = msg.sender == provider ? Side.Provider : Side.Node;
        if (side == Side.Node && msg.sender != account) revert NotParty(nodeId, msg.sender);
        _requireNext(epoch, session_.epochs);
        Mark before = side == Side.Provider ? session_.byProvider : session_.byNode;
        Mark mark = firstDifference == 0 ? Mark.OneSided : Mark.Disputed;
        if (mark <= before) revert AlreadyRecordedAlone(nodeId, epoch, side);
        if (mark == Mark.OneSided) _requireOverdue(nodeId, session_.since);
        if (side == Side.Provider) session_.byProvider = mark;
        else session_.byNode = mark;
    }

    /// @dev Both have been here: who never was has no epoch to sign.
    function _requireOverdue(uint32 nodeId, uint40 since) private view {
        uint40 providers = providerSince;
        if (since == 0) revert NotAnnounced(nodeId);
        if (providers == 0) revert NotAnnounced(0);
        uint256 until = uint256(since > providers ? since : providers) + _deadlineSeconds;
        if (block.timestamp < until) revert DeadlineRunning(until, block.timestamp);
    }

    function _requireParty(uint32 nodeId) private view {
        address account = nodeId == 0 ? provider : _accountOf(nodeId);
        if (msg.sender != account) revert NotAccountOfNode(nodeId, msg.sender);
    }

    function _requireFree(address account) private view {
        if (account == address(0)) revert ZeroAccount();
        if (nodeOf[account] != 0) revert AccountTaken(account, nodeOf[account]);
    }

    function _requireNext(uint32 epoch, uint32 epochs) private view {
        if (epochs == _epochs) revert SessionComplete(epochs);
        if (epoch != epochs + 1) revert WrongEpoch(epoch, epochs + 1);
    }

    function _accountOf(uint32 nodeId) private view returns (address account) {
        account = _sessions[nodeId].account;
        if (account == address(0)) revert UnknownNode(nodeId);
    }

    /// @dev EIP-712; the domain is made anew each time, so that a forked chain has its own.
    function _digest(EpochRecord calldata record) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPE, DOMAIN_NAME, DOMAIN_VERSION, block.chainid, address(this))
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, record.structHash()));
    }

    function _requireSigned(uint32 nodeId, address account, address signer) private pure {
        if (signer != account) revert BadSignature(nodeId, account, signer);
    }

    function _requireLength(uint256 length, uint256 most) private pure {
        if (length > most) revert TooLong(length, most);
    }
}

"""What a node may answer: its shape is looked at before anything is made of it."""

import pytest

from fl_node.chain.answers import AnswerError, result_of

RECEIPT = {
    "type": "0x2",
    "status": "0x1",
    "cumulativeGasUsed": "0x5208",
    "logsBloom": "0x" + "00" * 256,
    "logs": [],
}


@pytest.mark.parametrize("kind", ["0x0", "0x2", "0x02", "0x7f"])
def test_a_receipt_is_of_a_type_that_there_may_be(kind):
    given = [RECEIPT | {"type": kind}]
    assert result_of("eth_getBlockReceipts", given) == given


@pytest.mark.parametrize("kind", ["0x80", "0xff", "0x100", "0x", "2", 2, None])
def test_a_receipt_of_another_type_is_refused(kind):
    """EIP-2718: a type is one byte up to 0x7f."""
    with pytest.raises(AnswerError, match="type"):
        result_of("eth_getBlockReceipts", [RECEIPT | {"type": kind}])

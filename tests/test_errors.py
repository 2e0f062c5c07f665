"""Whatever strangers write into an error, it shows as one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import CidError, FlnodeError, RevertedError

TEXTS = st.text(st.characters(codec=None), max_size=3000)


@given(TEXTS)
def test_any_words_show_as_one_line_that_can_be_printed(text):
    shown = str(FlnodeError(text))
    assert shown.isprintable()
    assert len(shown) <= 1000
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("node 3 sent \x1b[2J", "node 3 sent ?[2J"),
        ("a \n b\r\n\tc", "a b c"),
        ("\ud800", "?"),
        ("Größe \u20ac", "Größe \u20ac"),
        ("", ""),
    ],
)
def test_what_would_steer_a_terminal_is_taken_out(text, shown):
    assert str(CidError(text)) == shown


def test_a_very_long_message_keeps_its_end_which_says_what_to_try():
    shown = str(FlnodeError(f"{'9' * 10**6} was found: take another copy"))
    assert shown.startswith("999")
    assert shown.endswith("9 was found: take another copy")


def test_a_refused_call_shows_its_values():
    assert str(RevertedError("RoundFull", (3,))) == "the contract refused the call: RoundFull(3)"

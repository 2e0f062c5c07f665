"""An audit over a store that lost or damaged bytes says what cannot be checked, and goes on."""

from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fl_node.errors import UnavailableError
from fl_node.federation import open_federation
from tests.aggregator.audited import audited, finished_federation, found


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_federation(tmp_path_factory.mktemp("finished"))


def replaced_by_a_folder(path):
    path.unlink()
    path.mkdir()


def cut(path):
    path.write_bytes(path.read_bytes()[:3])


def emptied(path):
    path.write_bytes(b"")


def lengthened(path):
    path.write_bytes(path.read_bytes() + b"\0")


def flipped(path):
    path.write_bytes(bytes(byte ^ 0x80 for byte in path.read_bytes()))


def gone(path):
    path.unlink()


DAMAGES = [replaced_by_a_folder, cut, emptied, lengthened, flipped, gone]


@contextmanager
def damaged(*damages):
    """Damage files for a while."""
    contents = {path: path.read_bytes() for path, _ in damages}
    try:
        for path, damage in damages:
            path.chmod(0o644)
            damage(path)
        yield
    finally:
        for path, content in contents.items():
            if path.is_dir():
                path.rmdir()
            path.write_bytes(content)


def erased(federation, cid):
    return damaged((federation.place(cid), gone))


def test_an_update_that_was_erased_cannot_be_checked(finished):
    with erased(finished, finished.timeline().rounds[2].updates[3].weights):
        result = audited(finished)
    assert found(result) == [(2, 3, "bytes-erased")]
    assert result.first_bad.detail.startswith("cannot be checked: ")


def test_an_update_that_was_damaged_cannot_be_checked(finished):
    place = finished.place(finished.timeline().rounds[1].updates[1].weights)
    with damaged((place, cut)):
        result = audited(finished)
    assert found(result) == [(1, 1, "digest-mismatch")]
    assert result.first_bad.detail.startswith("cannot be checked: ")


def test_a_base_that_was_erased_leaves_the_round_after_it_unchecked(finished):
    with erased(finished, finished.timeline().model(1).weights):
        result = audited(finished)
    assert found(result) == [(2, node, "unavailable") for node in (1, 2, 3)]
    assert "global 1" in result.first_bad.detail


def test_the_last_global_need_not_be_there_since_it_is_recomputed(finished):
    with erased(finished, finished.timeline().model(2).weights):
        assert audited(finished).ok


def test_a_report_that_was_erased_is_named_and_concerns_its_round_only(finished):
    with erased(finished, finished.timeline().model(1).report):
        assert found(audited(finished)) == [(1, None, "wrong-report")]


def test_a_plan_or_initial_weights_that_were_erased_leave_nothing_to_audit(finished):
    ledger = finished.ledger("stranger")
    for cid in (finished.timeline().initial, ledger.plan()):
        with erased(finished, cid), pytest.raises(UnavailableError):
            open_federation(ledger, finished.store)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_store_damaged_under_it_never_stops_an_audit(finished, data):
    kept = {str(finished.timeline().initial), str(finished.ledger("owner").plan())}
    files = [path for path in finished.store.folder.rglob("Qm*") if path.name not in kept]
    damages = st.tuples(st.sampled_from(sorted(files)), st.sampled_from(DAMAGES))
    drawn = data.draw(st.lists(damages, min_size=1, max_size=4, unique_by=lambda each: each[0]))
    with damaged(*drawn):
        result = audited(finished)
    assert all("\n" not in each.detail for each in result.findings)
    assert {each.reason for each in result.findings} <= {
        "digest-mismatch",
        "too-large",
        "bytes-erased",
        "unavailable",
        "wrong-report",
    }


def test_a_store_that_is_whole_again_holds(finished):
    assert audited(finished).ok

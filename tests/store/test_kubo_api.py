"""No exception of the package behind the API leaves its file."""

import inspect

import pytest
from ipfshttpclient import exceptions

from fl_node.errors import StoreError, StoreUnreachableError
from fl_node.store.kubo_api import KuboApi, PartError, RefusedError, SlowError

MEANINGS = {
    exceptions.AddressError("x"): StoreError,
    exceptions.CommunicationError(None): StoreError,
    exceptions.ConnectionError(OSError("refused")): StoreUnreachableError,
    exceptions.DecodingError("json", ValueError("x")): StoreError,
    exceptions.EncoderError("x", "json"): StoreError,
    exceptions.EncoderMissingError("json"): StoreError,
    exceptions.EncodingError("json", ValueError("x")): StoreError,
    exceptions.Error("x"): StoreError,
    exceptions.ErrorResponse("no", None): RefusedError,
    exceptions.MatcherSpecInvalidError("x"): StoreError,
    exceptions.PartialErrorResponse("no"): PartError,
    exceptions.ProtocolError(ValueError("x")): StoreError,
    exceptions.StatusError(ValueError("x")): StoreError,
    exceptions.TimeoutError(ValueError("x")): SlowError,
}
NEVER_RAISED = {exceptions.VersionMismatch}  # a warning of the check that we do not make


def test_every_exception_of_the_package_has_a_meaning():
    raised = {
        found
        for _, found in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(found, Exception)
    }
    assert raised - NEVER_RAISED == {type(each) for each in MEANINGS}


@pytest.mark.parametrize(
    ("raised", "meaning"), MEANINGS.items(), ids=[type(each).__name__ for each in MEANINGS]
)
def test_it_becomes_an_error_of_ours(raised, meaning):
    def fail(_client):
        raise raised

    api = KuboApi("/ip4/127.0.0.1/tcp/1", pauses_seconds=())
    for ask in (api.ask, lambda asked, call: list(api.content(asked, call))):
        with pytest.raises((StoreError, StoreUnreachableError)) as caught:
            ask("for something", fail)
        assert type(caught.value) is meaning
        assert caught.value.__cause__ is raised

"""From a folder's settings to its federation."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.config import Settings, save_settings
from fl_node.connect import connect, open_chain, open_ledger, open_store
from fl_node.errors import LedgerError, NetworkError, SettingsError, UnavailableError
from fl_node.network.host import Network, save_network
from fl_node.store.directory import DirectoryStore
from tests.small_federation import small_federation


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """One round; tests write the settings anew and nothing else."""
    made = small_federation(tmp_path_factory.mktemp("federation"))
    made.run_round(1, 2)
    return made


@pytest.fixture
def settings(federation):
    return Settings("embedded:chain.jsonl", "directory:store", federation.address)


def test_a_folder_leads_to_its_federation(federation, settings):
    save_settings(federation.folder, settings)
    found, view = connect(federation.folder)
    assert found == settings
    assert view.plan == federation.view("owner").plan
    assert view.ledger.federation == federation.address
    assert view.ledger.account is None
    assert view.ledger.snapshot() == federation.ledger("owner").snapshot()
    latest = federation.timeline().model(1).weights
    assert view.weights(latest).same_tensors(federation.view("owner").weights(latest))


def test_absolute_paths_are_taken_as_they_are(federation, settings, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    absolute = replace(
        settings,
        chain=f"embedded:{federation.folder / 'chain.jsonl'}",
        store=f"directory:{federation.folder / 'store'}",
    )
    save_settings(elsewhere, absolute)
    assert connect(elsewhere)[1].ledger.snapshot() == federation.ledger("owner").snapshot()


def test_a_path_may_hold_colons(tmp_path, settings):
    store = open_store(tmp_path, replace(settings, store="directory:a:b"))
    assert store == DirectoryStore(tmp_path / "a:b")


@pytest.mark.parametrize(
    "value", ["", "embedded", "embedded:", ":chain", "ftp://localhost:8545", "EMBEDDED:c", "c"]
)
def test_a_chain_of_another_kind_is_refused_with_what_is_allowed(tmp_path, settings, value):
    with pytest.raises(SettingsError) as caught:
        open_ledger(tmp_path, replace(settings, chain=value))
    assert str(caught.value) == (
        "setting 'chain' must be embedded:FILE or the URL of a node's JSON-RPC, such as "
        f"http://127.0.0.1:8545; found {value!r}"
    )


@pytest.mark.parametrize("value", ["", "directory", "directory:", "embedded:s", "/srv/store"])
def test_a_store_of_another_kind_is_refused_with_what_is_allowed(tmp_path, settings, value):
    with pytest.raises(SettingsError) as caught:
        open_store(tmp_path, replace(settings, store=value))
    assert str(caught.value) == (
        "setting 'store' must be directory:FOLDER or ipfs:MULTIADDRESS, such as "
        f"ipfs:/ip4/127.0.0.1/tcp/5001; found {value!r}"
    )


BROKEN = {
    "no chain": ({"chain": "embedded:none"}, LedgerError, "none"),
    "a chain that is none": ({"chain": "embedded:store"}, LedgerError, "Is a directory"),
    "no store": ({"store": "directory:none"}, UnavailableError, "none has it not"),
    "no address": ({"federation": "mine"}, LedgerError, "an address has 0x"),
    "no contract": (
        {"federation": embedded_account("nobody").address},
        LedgerError,
        "no federation at",
    ),
}


@pytest.mark.parametrize(("changes", "error", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_there_is_named_in_one_line(federation, settings, changes, error, message):
    save_settings(federation.folder, replace(settings, **changes))
    with pytest.raises(error, match=message) as caught:
        connect(federation.folder)
    assert "\n" not in str(caught.value)


def test_the_environment_goes_before_the_file(federation, settings, monkeypatch):
    save_settings(federation.folder, replace(settings, store="directory:none"))
    monkeypatch.setenv("FLNODE_STORE", "directory:store")
    assert connect(federation.folder)[0].store == "directory:store"


def test_a_node_of_another_network_is_refused(tmp_path):
    """The usual ports may belong to somebody else's network."""
    with node_on_chain(7) as url:
        settings = Settings(url, "directory:store")
        assert open_chain(tmp_path, settings).chain_id == 7
        for expected in (7, 8):
            save_network(tmp_path, Network(expected, 1, "0xo", (), "", ()))
            if expected == 7:
                open_chain(tmp_path, settings)
        with pytest.raises(NetworkError, match=r"is on chain 7, the network of .* has 8"):
            open_chain(tmp_path, settings)


@contextmanager
def node_on_chain(chain_id: int) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            document = {"jsonrpc": "2.0", "id": asked["id"], "result": hex(chain_id)}
            content = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

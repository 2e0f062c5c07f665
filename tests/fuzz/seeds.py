"""Valid files to begin with: the vectors, and what the product's encoders write."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.fuzz.targets import CORPUS
from tests.vectors import golden


def write(target: str, name: str, content: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def documents() -> None:
    from fl_node.canonical import encode_json
    from tests.small_federation import initial_weights, small_plan

    write("weights", "golden", golden.golden_weights().encode())
    write("weights", "initial", initial_weights().encode())
    write("plan", "golden", golden.golden_plan().encode())
    write("plan", "small", small_plan().encode())
    write("report", "golden", golden.golden_report().encode())
    write("json", "cid", str(golden.BASE).encode())
    values = [
        None,
        True,
        1,
        -1.5e-7,
        1e21,
        '\u20ac\U0001f600\\"\n',
        [1, {"a": []}],
        {"b": {}, "a": 0},
    ]
    write("json", "values", encode_json(values))
    for number, value in enumerate(values):
        write("json", f"value-{number}", encode_json(value))


def settings() -> None:
    from fl_node.chain.embedded import embedded_account
    from fl_node.config import Settings, save_settings
    from fl_node.network.folder import members_bytes
    from fl_node.network.host import Host, Network, Ports, network_bytes
    from tests.fuzz.folders import FOLDER, READERS

    account = embedded_account("header").address
    ports = Ports(8545, 30303, 5001, 4001)
    hosts = tuple(
        Host(name, "192.0.2.1", ports, account, account, "ab" * 64, "12D3KooW")
        for name in ("header", "node-1", "node-2")
    )
    network = Network(1337, 1, account, (account,), "cd" * 32, hosts)
    save_settings(FOLDER, Settings("http://127.0.0.1:8545", "directory:store", account, threads=2))
    whole = {
        "settings": [(FOLDER / "flnode.toml").read_bytes()],
        "members": [members_bytes(network)],
        "hosts": [
            b'period_seconds = 2\n[hosts]\nheader = "192.0.2.1"\nnode-1 = "192.0.2.2"\n',
            b'[hosts.header]\naddress = "192.0.2.1"\nrpc = 8546\n',
        ],
        "plan_file": [each.read_bytes() for each in sorted(Path("examples").glob("*.toml"))],
        "network": [network_bytes(network)],
        "keystore": [b'{"address":"%s","version":3}' % account.removeprefix("0x").encode()],
    }
    for place, kind in enumerate(READERS):
        for number, content in enumerate(whole[kind]):
            write("settings", f"{kind}-{number}", bytes([place]) + content)


def chain() -> None:
    """Write a small federation as a bundle, and its parts."""
    from fl_node.bundle.archive import unpack
    from fl_node.bundle.bodies import read_body
    from fl_node.bundle.headers import HeaderCoder
    from fl_node.bundle.write import write_bundle
    from fl_node.chain.excerpt import Excerpt
    from fl_node.chain.header import COINBASE, NONCE
    from fl_node.chain.proof import read_receipt, read_transaction
    from tests.chain.sealed import ADDRESSES, AUTHORISE, SealedChain
    from tests.fuzz.evidence import READERS, framed_chain, marked, runtime_code
    from tests.small_federation import silent, small_federation

    def part(kind: str, name: str, content: bytes) -> None:
        write("evidence", f"{kind}-{name}", bytes([READERS.index(kind)]) + marked(content))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        federation = small_federation(folder / "federation", nodes=1)
        federation.run_round(1)
        excerpt = Excerpt(federation.chain, federation.address)
        for light in (True, False):
            write_bundle(folder / f"{light}", excerpt, federation.store, light=light, say=silent)
            (folder / f"{light}-files").mkdir()
            manifest = unpack(folder / f"{light}", folder / f"{light}-files")
            found = {
                e.name: (folder / f"{light}-files" / e.name).read_bytes() for e in manifest.files
            }
            found["code"] = runtime_code()
            content = manifest.encode() + b"".join(found[each.name] for each in manifest.files)
            write("bundle", "light" if light else "whole", b"\1" + marked(content))
        write("bundle", "raw", b"\0" + (folder / "True").read_bytes()[:4096])
        part("chain", "whole", framed_chain(found["headers"], found["blocks"]))
        part("headers", "unsealed", found["headers"])
        part("body", "first", found["blocks"])
        with (folder / "True-files" / "blocks").open("rb") as stream:
            for number in range(5):
                body = read_body(stream)
                part("transaction", f"{number}", body.transactions[0])
                part("receipt", f"{number}", body.receipts[0])
                for log in read_receipt(body.receipts[0]).logs:
                    part(
                        "log",
                        f"{number}",
                        bytes([len(log.topics)]) + b"".join(log.topics) + log.data,
                    )
                part("call", f"{number}", read_transaction(body.transactions[0]).data)
    sealed = SealedChain()
    for sealer, voted in ((None, None), (None, 4), (None, 4), (None, None), (0, None)):
        changes = {} if voted is None else {COINBASE: ADDRESSES[voted], NONCE: AUTHORISE}
        sealed.add(sealer, changes)
    coder = HeaderCoder()
    part("headers", "sealed", b"".join(map(coder.encode, sealed.headers)))
    part("read_made_up", "none", bytes(12))
    part("read_made_up", "all", bytes(range(256)))


def rpc() -> None:
    """Write the recorded answers to each act."""
    from tests.fuzz.answers import ACTS, RECORDED

    record = json.loads(RECORDED.read_text())
    for place, act in enumerate(ACTS):
        for number, method in enumerate(record["asked"][act.__name__]):
            results = [each for key, each in record.items() if key.startswith(f"{method} ")]
            for nth, found in enumerate(results):
                content = json.dumps(found, separators=(",", ":")).encode()
                write(
                    "rpc", f"{act.__name__}-{method}-{nth}", bytes([place, number, nth]) + content
                )
    refusal = (
        b'{"error":{"code":3,"data":"0x","message":"execution reverted"},"id":%d,"jsonrpc":"2.0"}'
    )
    write("rpc", "refusal", bytes([4, 128, 0]) + refusal % 1)


def kubo() -> None:
    """Write what a daemon answers when all is well, and when it is not."""
    from fl_node.cid import Cid
    from tests.fuzz.kubo_answers import ACTS

    cid = str(Cid(bytes(32)))
    peer = '{"Peer":"12D3KooWA","Addr":"/ip4/127.0.0.1/tcp/4001"}'
    wanted = '{"ID":"12D3KooWB","Addrs":["/ip4/127.0.0.1/tcp/4002"]}'
    own = '"ID":"12D3KooWC","Addresses":["/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWC"]'
    rest = '"Version":"0.40.1","RepoSize":1,"StorageMax":10'
    bodies = {
        "add": f'{{"Name":"added","Hash":"{cid}","Size":"13"}}',
        "cat": "content",
        "pins": f'{{"Pins":["{cid}"],"Keys":{{"{cid}":{{"Type":"recursive"}}}}}}',
        "connect": f'{{"Peers":[{peer}],"Peering":{{"Peers":[{wanted}]}},"Strings":[]}}',
        "state": f'{{{own},{rest},"Peers":[{peer}],"Peering":{{"Peers":[{wanted}]}}}}',
    }
    refusal = b'{"Message":"not pinned or pinned indirectly","Code":0,"Type":"error"}'
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Content-Length: 7\r\n\r\n"
    for place, act in enumerate(ACTS):
        body = bodies[act.__name__].encode()
        write("kubo", act.__name__, bytes([place, 1]) + body)
        write("kubo", f"{act.__name__}-refused", bytes([place, 2]) + refusal)
        parts = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        write("kubo", f"{act.__name__}-chunked", bytes([place, 0]) + chunked + parts)


def backup() -> None:
    """Write a host's backup, whole and put together anew."""
    from fl_node.backup.archive import pack
    from fl_node.backup.manifest import Manifest, entry_of
    from fl_node.canonical import encode_json, parse_json
    from tests.fuzz.folders import FOLDER

    home = FOLDER / "node-1"
    files = {"flnode.toml": b"chain = 1", "keys/node-1.json": b"{}", "keys/deep/empty": b""}
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    manifest = Manifest(
        "node-1", ("keys", "keys/deep"), tuple(entry_of(home, name) for name in sorted(files))
    )
    pack(home, manifest, FOLDER / "packed")
    write("backup", "raw", b"\0" + (FOLDER / "packed").read_bytes())
    said = encode_json(parse_json(manifest.encode()))
    write("backup", "anew", b"\1" + said + b"".join(files[name] for name in sorted(files)))


def split() -> None:
    """Write what a party sends, of each kind."""
    import numpy as np

    from fl_node.cid import Cid
    from fl_node.split.channel.keys import SessionKeys
    from fl_node.split.channel.link import Greeting, _encoded
    from fl_node.split.closing import Claim
    from fl_node.split.record.message import Message
    from fl_node.split.record.message_log import MessageLog
    from fl_node.split.record.phase import Phase
    from fl_node.split.record.signed import Record, SignedRecord, body_digest
    from fl_node.split.wire.codecs.codec import Direction
    from fl_node.split.wire.frames import write_frame
    from tests.fuzz.split_learning import CODECS, EPOCH, READERS, ROWS, SESSION, wire
    from tests.split.test_plan import PLAN, TAIL

    def part(kind: str, name: str, content: bytes) -> None:
        write("split", f"{kind}-{name}", bytes([list(READERS).index(kind)]) + content)

    keys = SessionKeys.create("seed", 1)
    part("plan", "vanilla", PLAN.encode())
    part("plan", "u-shaped", replace(PLAN, tail=TAIL, features=((4,),)).encode())
    part("certificate", "whole", keys.certificate)
    part("greeting", "whole", _encoded(Greeting(SESSION, EPOCH, 3, (60, 10))))
    claim = Claim(2, 4, bytes(32), Cid(bytes(32)), bytes(32))
    part("claim", "whole", json.dumps(claim.word()).encode())
    leaves = []
    with tempfile.TemporaryDirectory() as folder:
        log = MessageLog(Path(folder) / "messages", SESSION, EPOCH).load(lambda _: None)
        for step in (1, 2):
            body = write_frame({"cut/0/values": np.ones((ROWS, 3), np.float32)}, {"loss": 0.5})
            record = Record(SESSION, EPOCH, step, Phase.ACTIVATIONS, body_digest(body), bytes(32))
            message = Message(SignedRecord.sign(record, keys.sign), body)
            log.append(message)
            leaves.append(message.signed.encode())
        part("message", "whole", b"".join(message.pieces()))
        part("records", "whole", b"".join(leaves))
        log.close()
        part("journal", "whole", (Path(folder) / "messages").read_bytes()[:4096])
    tensor = np.linspace(-1, 1, ROWS * 12, dtype=np.float32).reshape(ROWS, 3, 4)
    for codec in CODECS:
        crossing = wire(codec)
        arrays, kept = crossing.encode([tensor], key=None)
        part(f"{codec}-{Direction.FORWARD.value}", "whole", write_frame(arrays, {"loss": 0.5}))
        back = crossing.encode_gradients([tensor], kept)
        part(f"{codec}-{Direction.BACKWARD.value}", "whole", write_frame(back, {"loss": None}))


if __name__ == "__main__":
    documents()
    settings()
    chain()
    rpc()
    kubo()
    backup()
    split()

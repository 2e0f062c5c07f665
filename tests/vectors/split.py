"""Vectors of split learning: ``python -m tests.vectors.split`` writes them anew.

The Merkle trees' are copied from transparency-dev/merkle: ``testonly/constants.go`` (leaves, roots)
and ``testonly/reference_test.go`` (proofs). The record's key is RFC 8032, section 7.1, test 1.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fl_node.split.record.phase import Phase
from fl_node.split.record.signed import Record, SignedRecord, body_digest, session_id
from tests.vectors.make import write

CHAIN_ID, CONTRACT, NODE = 1337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 2
PRIVATE_KEY = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
BODY = "the body of a message"

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
LEAVES += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PROOFS = {
    (0, 1): [],
    (0, 2): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"],
    (1, 2): ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}


def merkle() -> dict[str, Any]:
    inclusion = [
        {"index": index, "size": size, "proof": proof} for (index, size), proof in PROOFS.items()
    ]
    return {"leaves": LEAVES, "roots": ROOTS, "inclusion": inclusion}


def record() -> dict[str, Any]:
    session = session_id(CHAIN_ID, CONTRACT, NODE)
    body, previous = body_digest(BODY.encode()), bytes(range(32))
    said = Record(session, 3, 2**24 + 1, Phase.GRADIENTS, body, previous)
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(PRIVATE_KEY))
    return {
        "session": {
            "chain_id": CHAIN_ID,
            "contract": CONTRACT,
            "node": NODE,
            "id": session.hex(),
        },
        "private_key": PRIVATE_KEY,
        "public_key": key.public_key().public_bytes_raw().hex(),
        "body": BODY,
        "record": {
            "epoch": said.epoch,
            "step": said.step,
            "phase": int(said.phase),
            "body": body.hex(),
            "previous": previous.hex(),
        },
        "content": said.encode().hex(),
        "digest": said.digest.hex(),
        "leaf": SignedRecord.sign(said, key.sign).encode().hex(),
    }


if __name__ == "__main__":
    write("merkle.json", merkle())
    write("record.json", record())

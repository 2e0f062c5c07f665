"""What docs/protocol.md says of split learning is what the code does, and its example comes out."""

import dataclasses
import json
import re
import struct

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account

from fl_node.chain.artifact import split_session_artifact
from fl_node.chain.epoch_signature import (
    DOMAIN_NAME,
    DOMAIN_VERSION,
    EPOCH_RECORD,
    SIGNATURE_BYTES,
    epoch_digest,
    sign_epoch,
)
from fl_node.chain.epochs import EpochRecord
from fl_node.cid import Cid
from fl_node.split import batches, plan, session, turns, upper
from fl_node.split.channel import certificate, client, link, server, stream
from fl_node.split.closing import Claim
from fl_node.split.plan import SplitPlan
from fl_node.split.record import retention, signed
from fl_node.split.record.history import History
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.records import encode_records
from fl_node.split.record.refusal import Refusal
from fl_node.split.record.retention import Retention
from fl_node.split.record.schedule import Place, Schedule
from fl_node.split.record.signed import body_digest, session_id
from fl_node.split.wire.codecs import float16
from fl_node.split.wire.codecs.codec import Direction
from fl_node.split.wire.codecs.registry import codec_names, codec_of
from fl_node.split.wire.frames import write_frame
from fl_node.training.steps import EVALUATION_BATCH
from tests.docs.pages import ROOT, blocks, code_of, table_column

PAGE = ROOT / "docs" / "protocol.md"
SECTION = "## 18. Split learning"
TEXT = " ".join(PAGE.read_text(encoding="utf-8").partition(f"{SECTION}\n")[2].split())
RANDTOPK = {"fraction": "0.1", "alpha": "0.1"}
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SECRETS = {  # RFC 8032, section 7.1, tests 1 and 2; the smallest keys of secp256k1
    Party.NODE: ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", 1),
    Party.PROVIDER: ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", 2),
}
ENTRIES = [entry for entry in split_session_artifact().abi if entry["type"] != "constructor"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_what_the_contract_has_is_in_the_section(entry):
    assert re.search(rf"\b{entry['name']}\b", TEXT)


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES if entry["type"] == "event"],
    ids=lambda entry: entry["name"],
)
def test_an_event_has_its_fields_in_their_order(entry):
    fields = ", ".join(field["name"] for field in entry["inputs"])
    assert f"{entry['name']}({fields})" in TEXT


CALLS = ["announce", "recordAlone", "handOn"]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_its_arguments_in_their_order(name):
    (entry,) = [entry for entry in ENTRIES if entry["name"] == name]
    arguments = ", ".join(f"{each['type']} {each['name']}" for each in entry["inputs"])
    assert f"`{name}({arguments})`" in TEXT


def test_a_split_plans_keys_are_in_the_table_and_no_others():
    cells = table_column(PAGE, "### The split plan", 0)
    keys = [key for cell in cells for key in code_of(cell)]
    fields = [field.name for field in dataclasses.fields(SplitPlan)]
    assert sorted(keys) == sorted(["format", "kind", *fields])


def test_phases_are_in_the_table_with_number_sender_and_place():
    below = PAGE.read_text(encoding="utf-8").partition("| phase | name | sender |")[2]
    found = re.findall(
        r"^\| (\d) \| `([a-z-]+)` \| (\w+) \| (\S+) \| (\S+) \|", below, re.MULTILINE
    )
    schedules = [Schedule(is_u_shaped, 1, 1) for is_u_shaped in (False, True)]
    assert found == [
        (
            str(int(phase)),
            phase.label,
            phase.sender.value,
            *("yes" if phase in each.all_phases() else "\N{EN DASH}" for each in schedules),
        )
        for phase in Phase
    ]


def test_a_records_fields_take_its_bytes():
    wanted = re.findall(r"\d*[sIB]", signed._LAYOUT.format)
    sizes = [int(cell) for cell in table_column(PAGE, "### Records", 0)[: len(wanted)]]
    assert sizes == [struct.calcsize(f">{kind}") for kind in wanted]
    assert sum(sizes) == signed.RECORD_BYTES


def test_every_refusal_is_in_the_table_of_checks_and_no_other():
    below = PAGE.read_text(encoding="utf-8").partition("| what must hold |")[2]
    table = below.partition("\n\n")[0]
    named = {word for row in table.splitlines()[2:] for word in code_of(row.split("|")[2])}
    assert named == {refusal.label for refusal in Refusal}


def test_an_epochs_leaves_are_counted_as_the_page_says():
    training, evaluation = 7, 3
    for is_u_shaped, each in ((False, 2), (True, 4)):
        schedule = Schedule(is_u_shaped, training, evaluation)
        assert schedule.size == each * training + 2 * evaluation
    assert "2*S* + 2*E* leaves, a U-shaped one 4*S* + 2*E*" in TEXT


def test_codecs_are_in_the_table_with_their_parts():
    cells = zip(*(table_column(PAGE, "### Codecs", column) for column in (0, 1)), strict=True)
    listed = {code_of(name)[0]: set(code_of(parts)) for name, parts in cells}
    assert tuple(listed) == codec_names()
    for name, words in listed.items():
        parameters = RANDTOPK if name == "randtopk" else {}
        specs = codec_of(name, parameters).specs((4, 20), Direction.BACKWARD)
        assert set(specs) == {word for word in words if word.islower()}


VALUES = np.array([[0.0, -1.5, 1e-30, 700.25], [3.0, 2.0, -1e-3, 0.1]], "<f4")


def arrays_of(name):
    return codec_of(name, RANDTOPK if name == "randtopk" else {}).encode(VALUES, key=None).arrays


def test_a_float16_is_its_half_floats_by_a_power_of_two():
    found = arrays_of("float16")
    exponent = int(found["exponent"])
    assert 2**14 <= np.abs(VALUES).max() * 2.0**exponent < 2**15
    scaled = (VALUES * np.float32(2.0**exponent)).astype("<f2")
    assert found["bits"].tolist() == scaled.view("<u2").tolist()
    assert (
        f"{float16._MIN_EXPONENT:d} to {float16._MAX_EXPONENT}".replace("-", "\N{MINUS SIGN}")
        in TEXT
    )


def test_an_int8_has_one_scale_for_each_of_the_last_dimension():
    found = arrays_of("int8")
    scales = np.abs(VALUES).max(axis=0) / np.float32(127)
    assert found["scales"].tolist() == scales.tolist()
    assert found["values"].tolist() == np.rint(VALUES / scales).astype(int).tolist()


def test_randtopk_gives_the_chosen_and_a_mask_with_the_first_in_the_highest_bit():
    found = arrays_of("randtopk")
    assert found["values"].tolist() == [[VALUES[0, 3]], [VALUES[1, 0]]]
    assert found["mask"].tolist() == [[0b00010000], [0b10000000]]


def test_what_a_party_says_at_the_end_has_these_keys():
    word = Claim(2, 4, bytes(32), Cid(bytes(32)), bytes(32)).word()
    said = TEXT.partition("Closing words.")[2].partition("}")[0]
    assert re.findall(r'"(\w+)":', said) == list(word)


def test_a_greeting_has_these_keys():
    said = json.loads(link._encoded(link.Greeting(bytes(32), 1, 0, (1, 0))))
    greeting = TEXT.partition("**Greeting.**")[2].partition("}")[0]
    assert re.findall(r'"(\w+)":', greeting) == list(said)


FIGURES = [
    f'"{signed._SESSION.decode()}" ‖ chain id',
    f'"{signed._SIGNED.decode()}"` ‖ the {signed.RECORD_BYTES} bytes',
    f"the leaf, {signed.LEAF_BYTES} bytes",
    f'"{client.HELLO.decode()}"` ‖ its number',
    f"The bound is {client.HELLO_BYTES} until",
    f"1 + max({link._MAX_WORD_BYTES}, {signed.LEAF_BYTES} + the largest body",
    f"gives all of this {server.HANDSHAKE_SECONDS} seconds",
    f"up to {stream.HELD_MESSAGES} messages",
    f"at most {certificate.MAX_CERTIFICATE_BYTES:,} bytes, self-signed",
    f"`{certificate._SEALING_KEY_OID.dotted_string}`",
    f"*E* = ⌈*m* / {EVALUATION_BATCH}⌉",
    f"1 to {plan._MOST_IN_FLIGHT}; *w*",
    f"{plan._LEAST_DEADLINE_SECONDS} to {plan._MOST_SECONDS:,}; also",
    f'"{retention._DRAWN.decode()}" ‖ root',
    f'"{turns._SEALED_FOR.decode()}"` ‖ the contract',
    f"salt, {upper._SALT_BYTES} bytes",
    f"on the chain for {session._PATIENCE_SECONDS} seconds",
    f"A signature has {SIGNATURE_BYTES} bytes",
    f'name "{DOMAIN_NAME}", version "{DOMAIN_VERSION}"',
    "EpochRecord(" + ",".join(f"{kind} {name}" for name, kind in EPOCH_RECORD) + ")",
    f"1 ≤ *n* < 2^{(batches._MOST_SAMPLES + 1).bit_length() - 1}",
]


@pytest.mark.parametrize("words", FIGURES)
def test_what_the_code_has_stands_in_these_words(words):
    assert words in TEXT


def test_the_files_that_it_names_are_there():
    lists = re.findall(r"\((`(?:fl_node|contracts)/[^()]+)\)", TEXT)
    for named in lists:
        folder = ROOT
        for each in code_of(named.partition(";")[0]):
            path = (ROOT if "/" in each else folder) / each
            assert path.exists(), each
            folder = path.parent
    assert len(lists) > 10


@pytest.fixture(scope="module")
def example():
    (found,) = [
        json.loads(block.content)
        for block in blocks(PAGE)
        if block.language == "json" and '"messages"' in block.content
    ]
    return found


def test_the_example_of_an_epoch_comes_out(example):
    name = session_id(1337, CONTRACT, 1)
    told = History(name, 1, name, Schedule(is_u_shaped=False, training_steps=1, evaluation_steps=0))
    assert name.hex() == example["session"]
    for shown in example["messages"]:
        body, phase = body_of(shown), Phase(shown["phase"])
        message = told.write(Place(1, phase), body, signing_key(phase.sender).sign)
        told.add(message.signed)
        assert (len(body), body_digest(body).hex()) == (shown["bytes"], shown["body"])
        assert message.record.previous.hex() == shown["previous"]
        assert message.signed.signature.hex() == shown["signature"]
    assert told.is_complete
    assert told.tree().root.hex() == example["root"]
    assert str(Cid.of_bytes(encode_records(told.leaves()))) == example["records"]


def test_the_examples_record_is_signed_and_its_sample_is_drawn(example):
    checkpoints = (bytes.fromhex(example[f"{who}Checkpoint"]) for who in ("node", "provider"))
    root, records = bytes.fromhex(example["root"]), Cid.parse(example["records"])
    record = EpochRecord(1, 1, 1, root, records, *checkpoints)
    assert epoch_digest(record, 1337, CONTRACT).hex() == example["signed"]
    signatures = [bytes.fromhex(example[f"{who}Signature"]) for who in ("node", "provider")]
    assert signatures == [sign_epoch(account(p), record, 1337, CONTRACT) for p in Party]
    kept = example["kept"]
    share = Retention.parse(kept["retention"])
    assert sorted(share.kept_steps(root, *signatures, kept["steps"])) == kept["drawn"]


def body_of(shown):
    kinds = {"targets": "<i4", "cut/0/values": "<f4"}
    tensors = {name: np.array(each, kinds[name]) for name, each in shown["tensors"].items()}
    return write_frame(tensors, shown["metadata"])


def signing_key(party):
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRETS[party][0]))


def account(party):
    return Account.from_key(SECRETS[party][1].to_bytes(32, "big"))

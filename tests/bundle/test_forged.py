"""Bundles that somebody changed: by accident, or with a manifest that fits."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fl_node.bundle.bodies import encode_body, read_body
from fl_node.bundle.headers import HeaderCoder
from fl_node.bundle.manifest import Manifest
from fl_node.chain.body import Body
from fl_node.cid import Cid
from fl_node.errors import BundleError, FlnodeError, ProofError
from tests.bundle.bundles import forged, members, nothing, put_together, verified

FLIPS = 40  # benchmarks/bundle.py makes 1,000


def test_a_byte_that_flips_is_found_wherever_it_is(file, tmp_path):
    content, draw = file.read_bytes(), random.Random(7)
    for place in [0, 124, 300, 511, len(content) - 1, *draw.sample(range(len(content)), FLIPS)]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << draw.randrange(8)
        (tmp_path / "flipped").write_bytes(flipped)
        with pytest.raises(FlnodeError):
            verified(tmp_path / "flipped")


@pytest.mark.parametrize("size", [0, 511, 512, 5000, -1024, -1])
def test_one_that_ends_early_is_found(file, tmp_path, size):
    (tmp_path / "short").write_bytes(file.read_bytes()[:size])
    with pytest.raises(BundleError):
        verified(tmp_path / "short")


def test_one_that_goes_on_is_found(file, tmp_path):
    (tmp_path / "long").write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(BundleError, match="goes on after its end"):
        verified(tmp_path / "long")


def test_any_file_that_was_dropped_or_swapped_is_found(file, tmp_path):
    parts = members(file)
    for place, part in enumerate(parts):
        rest = [*parts[:place], *parts[place + 1 :]]
        for changed in (rest, [*rest, part] if place < len(parts) - 1 else [*rest, part, part]):
            with pytest.raises(BundleError):
                verified(put_together(tmp_path / "changed", changed))


def test_contents_that_were_swapped_are_found(file, tmp_path):
    parts = members(file)
    for one in range(len(parts)):
        for other in range(one):
            changed = list(parts)
            changed[one] = (parts[one][0], parts[other][1])
            changed[other] = (parts[other][0], parts[one][1])
            with pytest.raises(BundleError):
                verified(put_together(tmp_path / "changed", changed))


def test_one_taken_apart_and_put_together_is_the_same(file, tmp_path):
    again = forged(file, tmp_path / "taken", nothing)
    assert again.read_bytes() == file.read_bytes()
    assert put_together(tmp_path / "put", members(file)).read_bytes() == file.read_bytes()


FALSE_WORDS = {
    "another chain": ({"chain_id": 1}, "is signed for chain"),
    "another contract": ({"federation": "0x" + "1" * 40}, "hold no federation"),
    "an earlier creation": ({"first_block": 0}, "the contract was created in block 1"),
    "a later creation": ({"first_block": 2}, "calls|block"),
    "another end": ({"head": (14, "0x" + "1" * 64)}, "says that it ends with"),
    "a light one": ({"light": True}, "which its chain does not name"),
    "absent files": ({"absent": (Cid(bytes(32)),)}, "which its chain does not name"),
}


@pytest.mark.parametrize(("said", "answer"), FALSE_WORDS.values(), ids=FALSE_WORDS)
def test_a_manifest_that_lies_is_found(file, tmp_path, said, answer):
    with pytest.raises(FlnodeError, match=answer):
        verified(forged(file, tmp_path / "taken", nothing, **said))


def test_a_file_dropped_with_a_manifest_that_fits_is_found(file, tmp_path):
    stored = [name for name, _ in members(file) if name.startswith("store/")]
    for number, name in enumerate(stored):
        with pytest.raises(FlnodeError):
            verified(
                forged(file, tmp_path / f"{number}", lambda folder, n=name: (folder / n).unlink())
            )


def test_a_file_that_was_added_is_found(file, tmp_path):
    content = b"not of this federation"

    def add(folder):
        (folder / "store" / str(Cid.of_bytes(content))).write_bytes(content)

    with pytest.raises(BundleError, match="does not name"):
        verified(forged(file, tmp_path / "taken", add))


def test_bytes_under_anothers_name_are_found(file, tmp_path):
    def change(folder):
        next((folder / "store").iterdir()).write_bytes(b"other")

    with pytest.raises(BundleError, match="has the CID"):
        verified(forged(file, tmp_path / "taken", change))


def test_other_code_is_found(file, tmp_path):
    with pytest.raises(ProofError, match="other code"):
        verified(
            forged(file, tmp_path / "taken", lambda folder: (folder / "code").write_bytes(b"\x60"))
        )


def bodies_of(folder):
    bodies = []
    with (folder / "blocks").open("rb") as stream:
        while stream.peek(1):
            bodies.append(read_body(stream))
    return bodies


def rewritten(folder, bodies):
    (folder / "blocks").write_bytes(b"".join(map(encode_body, bodies)))


BODY_LIES = {
    "a block left out": lambda bodies: bodies[:-1],
    "a block too many": lambda bodies: [*bodies, bodies[-1]],
    "two blocks swapped": lambda bodies: [*bodies[:-2], bodies[-1], bodies[-2]],
    "another receipt": lambda bodies: [
        *bodies[:-1],
        Body(bodies[-1].transactions, bodies[-2].receipts),
    ],
    "another transaction": lambda bodies: [
        *bodies[:-1],
        Body(bodies[-2].transactions, bodies[-1].receipts),
    ],
}


@pytest.mark.parametrize("lie", BODY_LIES.values(), ids=BODY_LIES)
def test_other_transactions_or_receipts_are_found(file, tmp_path, lie):
    with pytest.raises(FlnodeError):
        verified(
            forged(
                file, tmp_path / "taken", lambda folder: rewritten(folder, lie(bodies_of(folder)))
            )
        )


def test_headers_that_are_cut_off_are_found(file, tmp_path):
    def cut(folder):
        content = (folder / "headers").read_bytes()
        (folder / "headers").write_bytes(content[:-1])

    with pytest.raises(BundleError, match="were expected"):
        verified(forged(file, tmp_path / "taken", cut))


JUNK = st.binary(max_size=3000)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=JUNK, name=st.sampled_from(["headers", "blocks", "code"]), place=st.integers(0, 6000))
def test_junk_in_a_file_is_a_named_error(file, tmp_path_factory, junk, name, place):
    folder = tmp_path_factory.mktemp("junk")

    def change(taken):
        content = (taken / name).read_bytes()
        (taken / name).write_bytes(content[:place] + junk + content[place + len(junk) :])
        return content == (taken / name).read_bytes()

    try:
        verified(forged(file, folder / "taken", change))
    except FlnodeError:
        return
    assert forged(file, folder / "again", nothing).read_bytes() == file.read_bytes()


@given(st.binary(max_size=3000))
def test_junk_is_no_manifest(junk):
    with pytest.raises(BundleError):
        Manifest.decode(junk)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(["absent", "files", "head", "light", "federation", "chain_id"]), value=JSON
)
def test_a_manifest_with_another_value_is_none(file, key, value):
    from fl_node.canonical import decode_json, encode_json

    said = decode_json(members(file)[0][1])
    if said[key] == value or (key == "absent" and value == []):
        return
    changed = encode_json(said | {key: value})
    try:
        assert Manifest.decode(changed).encode() == changed
    except BundleError:
        return
    assert key in ("light", "chain_id")


@given(st.binary(max_size=500))
def test_junk_is_no_header_and_no_body(junk):
    import io

    for parse in (lambda s: list(HeaderCoder().decode(s)), read_body):
        try:
            parse(io.BytesIO(junk))
        except FlnodeError:
            continue
        assert parse is not read_body or len(junk) > 8 or junk == b""

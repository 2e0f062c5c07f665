"""Keys in files: what was put in comes out, and nothing else does."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fl_node.chain.accounts import (
    address_of,
    lock_account,
    new_account,
    new_password,
    open_account,
    read_password,
)
from fl_node.errors import KeystoreError

PASSWORD = "a password"
ADDRESS = "0xBdECaF0a7b17027b2c833D13e60aCFe135421673"
# Written by `geth account new --lightkdf` of Geth 1.17.0 with the password above.
BY_GETH = json.loads(
    '{"address":"bdecaf0a7b17027b2c833d13e60acfe135421673","crypto":{"cipher":"aes-128-ctr",'
    '"ciphertext":"28f3f84044a0fb715c1c5aa9fc458adee5890edd231e18296daa93437083a2b5",'
    '"cipherparams":{"iv":"c23902356b9203da785b15ceb4f4f89d"},"kdf":"scrypt","kdfparams":'
    '{"dklen":32,"n":4096,"p":6,"r":8,'
    '"salt":"803d3b6dcc9207d0581c43a600d3a7e7628b4803f1d58e0bcac20a272e6fc4f8"},'
    '"mac":"e1fa5342eaad6841b7f824ef2dfed20d24f5753e29b03db7a78fe3764a80cea8"},'
    '"id":"8e06445b-0217-448e-8deb-2a3137d2d5cf","version":3}'
)
# The PBKDF2 vector of the Web3 Secret Storage definition.
BY_SPECIFICATION = json.loads(
    '{"crypto":{"cipher":"aes-128-ctr",'
    '"cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},'
    '"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",'
    '"kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256",'
    '"salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},'
    '"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},'
    '"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}'
)
KEY_OF_SPECIFICATION = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"


def written(path: Path, keystore: object) -> Path:
    path.write_text(json.dumps(keystore))
    path.chmod(0o600)
    return path


def refused(path: Path, password: str = PASSWORD) -> str:
    with pytest.raises(KeystoreError) as caught:
        open_account(path, password)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_account_comes_back_out_of_its_file(tmp_path):
    path = tmp_path / "node-1.json"
    password = new_password(tmp_path / "password")
    address = new_account(path, password, light=True)
    account = open_account(path, read_password(tmp_path / "password"))
    assert account.address == address
    assert address_of(path).lower() == address.lower()
    signed = account.sign_transaction(
        {"nonce": 0, "gas": 21_000, "gasPrice": 1, "to": address, "value": 0, "chainId": 1}
    )
    assert Account.recover_transaction(signed.raw_transaction) == address


def test_a_key_is_derived_slowly_unless_its_password_is_random(tmp_path):
    new_account(tmp_path / "slow", PASSWORD)
    new_account(tmp_path / "light", PASSWORD, light=True)
    rounds = [
        json.loads((tmp_path / name).read_text())["crypto"]["kdfparams"]["n"]
        for name in ("slow", "light")
    ]
    assert rounds == [2**18, 2**12]


def test_no_two_accounts_and_no_two_passwords_are_the_same(tmp_path):
    addresses = {new_account(tmp_path / f"{n}", PASSWORD, light=True) for n in range(3)}
    passwords = {new_password(tmp_path / "password") for _ in range(3)}
    assert (len(addresses), len(passwords)) == (3, 3)
    assert all(len(bytes.fromhex(password)) == 32 for password in passwords)


def test_what_is_written_may_be_read_by_its_owner_only(tmp_path):
    new_password(tmp_path / "password")
    new_account(tmp_path / "key", PASSWORD, light=True)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("password", "key")] == [0o600] * 2


def test_the_key_itself_is_nowhere_in_the_file(tmp_path):
    new_account(tmp_path / "key", PASSWORD, light=True)
    key = open_account(tmp_path / "key", PASSWORD).key
    content = (tmp_path / "key").read_bytes()
    assert bytes(key) not in content
    assert bytes(key).hex().encode() not in content
    assert PASSWORD.encode() not in content


def test_a_key_is_never_overwritten(tmp_path):
    path = tmp_path / "key"
    new_account(path, PASSWORD, light=True)
    before = path.read_bytes()
    with pytest.raises(KeystoreError, match="never overwritten"):
        new_account(path, PASSWORD, light=True)
    assert path.read_bytes() == before


def test_a_keystore_that_geth_wrote_opens(tmp_path):
    path = written(tmp_path / "key", BY_GETH)
    assert open_account(path, PASSWORD).address == ADDRESS
    assert address_of(path) == ADDRESS.lower()


def test_the_specifications_vector_opens_and_need_not_name_its_address(tmp_path):
    path = written(tmp_path / "key", BY_SPECIFICATION)
    assert bytes(open_account(path, "testpassword").key).hex() == KEY_OF_SPECIFICATION
    with pytest.raises(KeystoreError, match="names no address"):
        address_of(path)


@pytest.mark.parametrize("password", ["", "A password", "a password ", "пароль", "a password\n"])
def test_another_password_does_not_open_it(tmp_path, password):
    assert "does not open with this password" in refused(written(tmp_path / "k", BY_GETH), password)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601, 0o777])
def test_what_others_may_read_or_write_is_refused(tmp_path, mode):
    path = written(tmp_path / "key", BY_GETH)
    path.chmod(mode)
    assert f"mode {mode:o}): chmod 600 it" in refused(path)
    with pytest.raises(KeystoreError, match="chmod 600"):
        address_of(path)
    with pytest.raises(KeystoreError, match="chmod 600"):
        read_password(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'{"version": 3}',
        b'{"version": 1, "crypto": {}}',
        b'{"version": 3, "crypto": []}',
        b'{"version": 3, "crypto": {"kdf": "none"}}',
        b"[" * 50_000,
        b'{"a":' * 10_000,
        b'"' + b"a" * 200_000 + b'"',
    ],
)
def test_what_is_no_keystore_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    refused(path)
    with pytest.raises(KeystoreError):
        address_of(path)


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path):
    assert "No such file" in refused(tmp_path / "key")
    (tmp_path / "folder").mkdir(mode=0o700)
    assert "Is a directory" in refused(tmp_path / "folder")


def test_a_keystore_that_holds_another_key_than_it_says_is_refused(tmp_path):
    path = written(tmp_path / "key", BY_GETH | {"address": "11" * 20})
    assert f"holds {ADDRESS} and says that it holds another" in refused(path)


@pytest.mark.parametrize("address", ["", "0x", "0x12", "zz" * 20, 7, None, "11" * 21])
def test_an_address_that_is_none_is_not_given(tmp_path, address):
    with pytest.raises(KeystoreError, match="names no address"):
        address_of(written(tmp_path / "key", BY_GETH | {"address": address}))


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    inner = [place for key, part in value.items() for place in places(part, (*path, key))]
    return [path, *inner] if path else inner


def spoiled(value: Any, path: tuple[str, ...], part: object) -> Any:
    if not path:
        return part
    return value | {path[0]: spoiled(value[path[0]], path[1:], part)}


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.sampled_from(places(BY_GETH)),
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=6)
    | st.binary(max_size=40).map(bytes.hex)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
def test_a_keystore_with_anything_else_anywhere_gives_its_account_or_one_line(
    tmp_path, place, part
):
    path = written(tmp_path / "key", spoiled(BY_GETH, place, part))
    try:
        found = open_account(path, PASSWORD).address
    except KeystoreError as error:
        found = str(error).isprintable()
    assert found in (ADDRESS, True)


@pytest.mark.parametrize("content", [b"", b"\nnext", b"\xff\xfe"])
def test_a_password_file_without_a_password_is_refused(tmp_path, content):
    path = tmp_path / "password"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeystoreError) as caught:
        read_password(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["one", "one\n", "one\ntwo\n"])
def test_a_password_is_the_files_first_line(tmp_path, content):
    path = tmp_path / "password"
    path.write_text(content)
    path.chmod(0o600)
    assert read_password(path) == "one"


def test_two_who_sign_as_the_same_account_are_kept_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("FLNODE_CACHE", str(tmp_path))
    found = []

    def second() -> None:
        try:
            with lock_account(ADDRESS.lower()):
                found.append("in")
        except KeystoreError as error:
            found.append(str(error))

    with lock_account(ADDRESS), lock_account("0x" + "11" * 20):
        _in_a_thread(second)
    _in_a_thread(second)
    assert found == [
        f"another process on this machine signs as {ADDRESS.lower()}: stop it, or wait until it "
        "ends",
        "in",
    ]


def _in_a_thread(act: Any) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()

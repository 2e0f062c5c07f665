"""Commands for one host: is it ready, join a federation, back up and restore, make an account."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_node.options import counted, examples, print_json, say, with_folder, with_json

if TYPE_CHECKING:
    from fl_node.doctor.check import Check
    from fl_node.joining import Offer

_with_host = click.option(
    "--host", help="Which host of a network's folder, such as header or node-1."
)
_A_TRAINER = "node-1"


@click.command(
    epilog=examples(
        "flnode doctor",
        "flnode doctor --host node-1",
        "flnode doctor -C /srv/flnode/node-1 --json | jq '.checks[] | select(.ok | not)'",
    )
)
@with_folder
@_with_host
@with_json
def doctor(folder: Path | None, host: str | None, as_json: bool) -> None:
    """See whether a host is ready, or each host of a network's folder; exit status 1 if not."""
    found = []
    for name, checks in _examinations(folder, host):
        if not as_json:
            click.echo(name)
        for check in checks:
            found.append((name, check))
            if not as_json and not check.after:
                _print_check(check)
        if not as_json:
            _print_left_out([check for host, check in found if host == name and check.after])
    ok = all(check.ok for _, check in found)
    if as_json:
        documents = [{"host": name, **check.document()} for name, check in found]
        print_json({"ok": ok, "checks": documents})
    else:
        click.echo("all is well" if ok else _verdict([check for _, check in found]))
    if not ok:
        raise SystemExit(1)


def _examinations(folder: Path | None, host: str | None) -> "Iterator[tuple[str, Iterator[Check]]]":
    from fl_node.doctor.examination import examine
    from fl_node.hosts import homes_of

    for name, home in homes_of(folder, host).items():
        yield name, examine(home)


def _verdict(checks: "list[Check]") -> str:
    left_out = sum(bool(check.after) for check in checks)
    failed = sum(not check.ok for check in checks) - left_out
    said = f"{failed} of {counted(len(checks), 'check')} failed"
    return f"{said}, {left_out} could not be made then" if left_out else said


def _print_left_out(checks: "list[Check]") -> None:
    for reason in dict.fromkeys(check.after for check in checks):
        names = ", ".join(check.name for check in checks if check.after == reason)
        click.echo(f"  --    not looked at, because {reason} failed: {names}")


def _print_check(check: "Check") -> None:
    mark = "ok  " if check.ok else "FAIL"
    click.echo(f"  {mark}  {check.name:<10}  {check.found}")
    if check.try_:
        click.echo(f"  {'':4}  {'':<10}  {'next' if check.ok else 'try'}: {check.try_}")


@click.command(
    epilog=examples(
        "flnode join 0x52…1e",
        "flnode join 0x52…1e -C /srv/flnode/node-2 --accept QmY5…x7",
    )
)
@click.argument("address")
@with_folder
@click.option("--host", default=_A_TRAINER, show_default=True, help="Of a network's folder.")
@click.option("--accept", metavar="CID", help="Accept this plan, and no other, without a question.")
@with_json
def join(address: str, folder: Path | None, host: str, accept: str | None, as_json: bool) -> None:
    """Enter the federation at ADDRESS: see what it trains, then accept its plan.

    With --json and without --accept nothing is asked and nothing is written.
    """
    from fl_node.config import settings_folder
    from fl_node.joining import look_at

    offer = look_at(settings_folder(folder, host), address)
    if accept is not None:
        offer.require_plan(accept)
    if not as_json:
        _show_offer(offer)
    accepted = accept is not None or (not as_json and _asked(offer))
    written = offer.accept() if accepted else None
    if as_json:
        _print_offer(offer, written)
    else:
        click.echo(f"{written} names federation and plan now" if written else "nothing was written")
    if not accepted and not as_json:
        raise SystemExit(1)


def _asked(offer: "Offer") -> bool:
    return click.confirm(f"accept plan {offer.settings.plan}?", err=True)


def _show_offer(offer: "Offer") -> None:
    from fl_node.consent import what_is_trained

    for line in what_is_trained(offer.federation, offer.settings):
        click.echo(line)
    if offer.node is not None:
        click.echo(f"this host is {f'node {offer.node}' if offer.node else 'the header'}")
        return
    owner = offer.federation.ledger.owner()
    click.echo(
        f"this host's account is not registered yet: its owner {owner} does flnode nodes add"
    )


def _print_offer(offer: "Offer", written: Path | None) -> None:
    from fl_node.consent import what_is_trained

    print_json(
        {
            "federation": offer.settings.federation,
            "chain_id": offer.federation.ledger.chain_id,
            "plan": offer.settings.plan,
            "trained": what_is_trained(offer.federation, offer.settings),
            "node": offer.node,
            "accepted": written is not None,
            "settings": written,
        }
    )


@click.command(
    epilog=examples(
        "flnode backup node-1.tar -C /srv/flnode/node-1",
        "flnode backup header.tar --host header --json",
    )
)
@click.argument("file", metavar="FILE.tar", type=click.Path(path_type=Path, dir_okay=False))
@with_folder
@_with_host
@with_json
def backup(file: Path, folder: Path | None, host: str | None, as_json: bool) -> None:
    """Write a host's keys, chain, store and settings to FILE.tar.

    Its daemons are stopped meanwhile, and on a devnet all of them; they are started again. The file
    holds the host's keys: keep it as you keep these. The training data are not in it.
    """
    from fl_node.backup.host import back_up

    done = back_up(_only_home(folder, host), file, say)
    if as_json:
        print_json(
            {
                "file": done.file,
                "host": done.manifest.host,
                "files": len(done.manifest.files),
                "bytes": done.manifest.total_bytes,
                "left_out": done.left_out,
                "stopped": done.stopped,
            }
        )
        return
    for place in done.left_out:
        click.echo(f"not in it, since it is elsewhere: {place}")
    count = counted(len(done.manifest.files), "file")
    click.echo(f"{file} holds {done.manifest.host}: {count}, {done.manifest.total_bytes:,} bytes")


@click.command(epilog=examples("flnode restore node-1.tar -C /srv/flnode/node-1"))
@click.argument("file", metavar="FILE.tar", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--folder",
    "-C",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to make; there must be none.",
)
@with_json
def restore(file: Path, folder: Path, as_json: bool) -> None:
    """Make a host's folder from FILE.tar; every file is checked, and nothing is started.

    Two hosts with the same keys disturb each other: the first one must be gone for good.
    """
    from fl_node.backup.host import restore as restore_host

    done = restore_host(file, folder)
    if as_json:
        print_json(
            {
                "folder": folder,
                "host": done.host,
                "files": len(done.files),
                "bytes": done.total_bytes,
            }
        )
        return
    click.echo(f"{folder} is {done.host} again: {counted(len(done.files), 'file')}")


def _only_home(folder: Path | None, host: str | None) -> Path:
    from fl_node.hosts import homes_of

    homes = homes_of(folder, host)
    if len(homes) > 1:
        raise click.UsageError(f"name one of these with --host: {', '.join(homes)}")
    return next(iter(homes.values()))


@click.group(epilog=examples("flnode keys new node-3.json"))
def keys() -> None:
    """Make accounts: encrypted keys in files that only their owner may read."""


@keys.command(
    "new",
    epilog=examples(
        "flnode keys new node-3.json",
        "flnode keys new keys/node-3.json --password-file keys/password --json",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its first line is the password; one that is not there is made, with a random one.",
)
@with_json
def keys_new(file: Path, password_file: Path | None, as_json: bool) -> None:
    """Draw a key, write it to FILE, encrypted, and print its address."""
    from fl_node.chain.accounts import new_account

    password, drawn = _password(file, password_file)
    address = new_account(file, password, light=drawn)
    if as_json:
        print_json({"address": address, "keystore": file, "password_file": password_file})
        return
    click.echo(f"{address} is in {file}")


def _password(file: Path, password_file: Path | None) -> tuple[str, bool]:
    """Give a password, and whether it was drawn here."""
    from fl_node.chain.accounts import new_password, read_password
    from fl_node.errors import KeystoreError

    if file.exists():  # before anybody is asked, or a password is written
        raise KeystoreError(f"{file} is there already, and a key is never overwritten")
    if password_file is None:
        asked = click.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
        return str(asked), False
    if password_file.exists():
        return read_password(password_file), False
    return new_password(password_file), True

"""Commands that check a whole federation, or let others check it: audit, bundle."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_node.options import counted, examples, print_json, with_folder, with_json

if TYPE_CHECKING:
    from aggregator.audit import Audit, Finding
    from aggregator.bundle import BundleAudit
    from fl_node.split.audit.split import SplitAudit

_ANCHOR_DIGITS = 64


@click.command(
    epilog=examples(
        "flnode audit --folder demo",
        "flnode audit --folder demo --json | jq .ok",
        "flnode audit --bundle demo.bundle",
        "flnode audit --bundle paper.bundle --require clique --anchor 0x5f3b…",
        "flnode audit --disclose devnet/node-1 --disclose devnet/header --tolerance 0",
    )
)
@with_folder
@click.option(
    "--bundle",
    "bundle_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that flnode bundle wrote; neither chain nor store is asked then.",
)
@click.option(
    "--anchor",
    help="A block's hash or a history that you have from elsewhere; the bundle must have it.",
)
@click.option("--require", type=click.Choice(["clique"]), help="Refuse a chain that nobody sealed.")
@click.option("--light", is_flag=True, help="Check everything in the bundle but the arithmetic.")
@click.option(
    "--disclose",
    "disclosed",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Of split learning: a party's host folder, whose kept steps are computed again.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    help="Of split learning: relative difference that is allowed; 0 on the same kind of machine.",
)
@with_json
def audit(
    folder: Path | None,
    bundle_file: Path | None,
    disclosed: tuple[Path, ...],
    tolerance: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Recompute every round, from chain and store or from a bundle, and name what is wrong.

    Of split learning it checks chain, records, signatures and what parties disclose.
    """
    if bundle_file is None and not any(options.values()):
        split = _audited_split(folder, disclosed, tolerance)
        if split is not None:
            _tell_split(split, as_json)
            return
    if disclosed or tolerance is not None:
        raise click.UsageError("--disclose and --tolerance are about split learning on a chain")
    said: dict[str, Any] = {}
    lines: list[str] = []
    if bundle_file is not None:
        found, said, lines = _audited_bundle(bundle_file, options)
    elif any(options.values()):
        raise click.UsageError("--anchor, --require and --light are about a --bundle")
    else:
        found = _audited_network(folder)
    if as_json:
        print_json(audit_document(found) | said)
    else:
        for line in lines:
            click.echo(line)
        _print_audit(found, "compared with the chain" if options["light"] else None)
    if not found.ok:
        raise SystemExit(1)


def _audited_split(
    folder: Path | None, disclosed: tuple[Path, ...], tolerance: float | None
) -> "SplitAudit | None":
    """Audit what the settings name, if it is split learning."""
    from rich.console import Console

    from aggregator.shares import average_shares
    from fl_node.config import load_settings, settings_folder
    from fl_node.network.host import HEADER
    from fl_node.split.disclosure import audit_disclosed
    from fl_node.split.opening import names_split_learning

    home = settings_folder(folder, HEADER)
    settings = load_settings(home)
    if not names_split_learning(home, settings):
        return None
    with Console(stderr=True).status("checking") as shown:
        return audit_disclosed(home, settings, disclosed, tolerance, average_shares, shown.update)


def _tell_split(found: "SplitAudit", as_json: bool) -> None:
    from fl_node.split.audit.words import split_audit_document, split_audit_lines

    if as_json:
        print_json(split_audit_document(found))
    else:
        for line in split_audit_lines(found):
            click.echo(line)
    if not found.ok:
        raise SystemExit(1)


def _audited_network(folder: Path | None) -> "Audit":
    from rich.console import Console

    from aggregator.audit import audit as audit_federation
    from fl_node.connect import connect

    _, federation = connect(folder)
    with Console(stderr=True).status("recomputing") as shown:
        return audit_federation(
            federation, lambda number: shown.update(f"round {number} is recomputed")
        )


def _audited_bundle(
    file: Path, options: dict[str, Any]
) -> "tuple[Audit, dict[str, Any], list[str]]":
    from rich.console import Console

    from aggregator.bundle import audit_bundle

    with Console(stderr=True).status("verifying the bundle") as shown:
        checked = audit_bundle(
            file,
            anchor=_anchor(options["anchor"]),
            require_clique=options["require"] is not None,
            light=options["light"],
            progress=lambda number: shown.update(f"round {number} is checked"),
        )
    return checked.audit, bundle_document(checked), _bundle_lines(checked)


def _anchor(text: str | None) -> bytes | None:
    if text is None:
        return None
    digits = text.removeprefix("0x")
    if len(digits) != _ANCHOR_DIGITS or set(digits) - set("0123456789abcdefABCDEF"):
        raise click.BadParameter(
            f"a block's hash or a history has {_ANCHOR_DIGITS} hexadecimal digits after 0x, "
            f"found {text!r}",
            param_hint="--anchor",
        )
    return bytes.fromhex(digits)


def bundle_document(checked: "BundleAudit") -> dict[str, Any]:
    """Give what a bundle proves, beside its audit, as programs read it."""
    evidence, manifest = checked.evidence, checked.manifest
    return {
        "kind": evidence.kind,
        "anchored": checked.anchored,
        "anchored_block": evidence.anchored_block,
        "events_after_anchor": checked.events_after_anchor,
        "arithmetic": not checked.light,
        "federation": manifest.federation,
        "chain_id": manifest.chain_id,
        "genesis": f"0x{evidence.genesis.hex()}",
        "head": {"number": manifest.head[0], "hash": manifest.head[1]},
        "history": f"0x{checked.history.hex()}",
        "sealers": evidence.sealers,
        "least_gap_seconds": evidence.least_gap_seconds,
        "absent": manifest.absent,
    }


def _bundle_lines(checked: "BundleAudit") -> list[str]:
    """Say what was proven without recomputing anything."""
    evidence, (number, block_hash) = checked.evidence, checked.manifest.head
    how = (
        f"each sealed by one of {counted(len(evidence.sealers), 'sealer')} (clique)"
        if evidence.sealers
        else "unsealed: links, roots and senders hold, but one who made up the chain is not seen"
    )
    return [
        f"federation {checked.manifest.federation} on chain {checked.manifest.chain_id}, "
        f"{counted(len(evidence.events), 'event')}",
        f"blocks 0 (0x{evidence.genesis.hex()}) to {number} ({block_hash}): {how}",
        _anchor_line(checked),
        *(
            f"not in the bundle, since the store had it not: {cid}"
            for cid in checked.manifest.absent
        ),
    ]


def _anchor_line(checked: "BundleAudit") -> str:
    if not checked.anchored:
        return (
            "consistent, end not anchored: give --anchor a block's hash or a history that you "
            "have from elsewhere"
        )
    block, after = checked.evidence.anchored_block, checked.events_after_anchor
    return f"anchored up to block {block}; {counted(after, 'event')} after it"


@click.command(
    epilog=examples("flnode bundle demo.bundle --folder demo", "flnode bundle light.bundle --light")
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_folder
@click.option("--light", is_flag=True, help="Leave the weights out: nothing can be recomputed.")
@click.option(
    "--until", type=click.IntRange(min=0), help="The last block; default: the newest that stays."
)
@with_json
def bundle(file: Path, folder: Path | None, light: bool, until: int | None, as_json: bool) -> None:
    """Write one file with all that an auditor needs, with no daemon, chain or network.

    The same history up to the same block gives the same bytes.
    """
    from rich.console import Console

    from fl_node.bundle.source import bundle_federation

    with Console(stderr=True).status("reading the chain") as shown:
        written = bundle_federation(folder, file, light=light, until=until, say=shown.update)
    manifest, size = written.manifest, file.stat().st_size
    number, block_hash = manifest.head
    if as_json:
        print_json(
            {
                "file": file,
                "bytes": size,
                "federation": manifest.federation,
                "kind": written.evidence.kind,
                "head": {"number": number, "hash": block_hash},
                "light": light,
                "absent": manifest.absent,
            }
        )
        return
    for cid in manifest.absent:
        click.echo(f"left out, since the store has it not: {cid}")
    click.echo(
        f"{file}: {size:,} bytes, {counted(len(manifest.files), 'file')}, blocks 0 to {number} "
        f"({block_hash}); flnode audit --bundle {file} verifies it anywhere"
    )


def audit_document(found: "Audit") -> dict[str, Any]:
    """Give an audit as programs read it."""
    return {
        "ok": found.ok,
        "rounds_checked": len(found.rounds),
        "first_bad": found.first_bad,
        "findings": found.findings,
        "rejections": [
            {
                "round": each.rejection.update.round,
                "node": each.rejection.update.node,
                "reason": each.rejection.reason.label,
                "verdict": each.verdict,
            }
            for checked in found.rounds
            for each in checked.rejections
        ],
        "disputes": [
            {"round": checked.number, "node": node}
            for checked in found.rounds
            for node in checked.disputes
        ],
        "owner_acts": found.owner_acts,
    }


def _print_audit(found: "Audit", instead: str | None = None) -> None:
    for finding in found.findings:
        click.echo(_finding_line(finding))
    for checked in found.rounds:
        for each in checked.rejections:
            update = each.rejection.update
            click.echo(
                f"round {update.round}, node {update.node}: rejection as "
                f"{each.rejection.reason.label} {each.verdict}: {each.found}"
            )
        for node in checked.disputes:
            click.echo(f"round {checked.number}, node {node}: attests another global: a dispute")
    acts = Counter(act.split()[0] for act in found.owner_acts)
    listed = ", ".join(f"{kind} x {count}" for kind, count in acts.items())
    click.echo(f"the owner's acts: {listed or 'none'}")
    click.echo(audit_line(found, instead))


def audit_line(found: "Audit", instead: str | None = None) -> str:
    """Give an audit's verdict in one line.

    :param instead: what was done to the rounds, if they were not recomputed
    """
    rounds = counted(len(found.rounds), "round")
    if found.ok and instead is not None:
        return f"audit ok: {rounds} {instead}, the arithmetic was not checked"
    if found.ok:
        return f"audit ok: {rounds} recomputed, every aggregate matches bit for bit"
    return f"audit FAILED: {counted(len(found.findings), 'finding')} in {rounds}"


def _finding_line(finding: "Finding") -> str:
    node = "" if finding.node is None else f", node {finding.node}"
    return f"round {finding.round}{node}: {finding.reason}: {finding.detail}"

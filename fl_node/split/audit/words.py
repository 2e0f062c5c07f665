"""An audit of split learning in lines for people, and as JSON for programs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fl_node.chain.epochs import EVERYONE
from fl_node.split.audit.finding import REPRODUCED
from fl_node.split.audit.split import SplitAudit


def split_audit_document(found: SplitAudit) -> dict[str, Any]:
    """Give an audit as programs read it."""
    return {
        "ok": found.ok,
        "epochs_checked": len(found.epochs),
        "first_bad": None if found.first_bad is None else asdict(found.first_bad),
        "findings": [asdict(each) for each in found.findings],
        "verdicts": [asdict(each) for each in found.verdicts],
        "alone": [asdict(each) | {"side": each.side.value} for each in found.alone],
        "hand_overs": list(found.hand_overs),
        "owner_acts": list(found.owner_acts),
        "tolerance": found.tolerance,
        "proves": found.proves,
    }


def split_audit_lines(found: SplitAudit) -> Iterator[str]:
    """Say an audit in lines, what does not hold last but the verdict."""
    for act in found.owner_acts:
        yield f"the owner's act: {act}"
    for given in found.hand_overs:
        to = "every other node" if given.to_node == EVERYONE else f"node {given.to_node}"
        yield f"epoch {given.epoch}: node {given.from_node} handed its part to {to}"
    for alone in found.alone:
        what = (
            f"a dispute from step {alone.first_difference}" if alone.first_difference else "alone"
        )
        where = f"node {alone.node}, epoch {alone.epoch}"
        yield f"{where}: the {alone.side.value} recorded it: {what}, its root {alone.root}"
    for who, verdict in sorted({(each.who, each.verdict) for each in found.verdicts}):
        count = sum((each.who, each.verdict) == (who, verdict) for each in found.verdicts)
        yield f"disclosed by the {who}: {count} {verdict}, tolerance {found.tolerance:g}"
    for each in found.verdicts:
        if each.verdict != REPRODUCED:
            where = f"node {each.node}, epoch {each.epoch}, step {each.step}"
            yield f"  {where}: {each.what} of the {each.who} {each.verdict}: {each.detail}"
    for finding in found.findings:
        where = f"node {finding.node}, epoch {finding.epoch}, step {finding.step}"
        yield f"{where}: {finding.reason} ({finding.who}): {finding.detail}"
    yield _verdict(found)
    yield found.proves


def _verdict(found: SplitAudit) -> str:
    epochs = Counter(each.node for each in found.epochs)
    listed = ", ".join(f"{count} of node {node}" for node, count in sorted(epochs.items()))
    if found.ok:
        return f"audit ok: {len(found.epochs)} epochs checked ({listed or 'none yet'})"
    return f"audit FAILED: {len(found.findings)} findings in {len(found.epochs)} epochs"

"""Let slither look at the contracts: findings without an answer in contracts/slither.toml fail."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"
SLITHER = CONTRACTS.parent / ".venv-slither" / "bin" / "slither"
ANSWERS = CONTRACTS / "slither.toml"
_SECONDS = 600


def findings() -> set[tuple[str, str]]:
    """Give each finding's detector, and the contract and function that it is about."""
    # solc.js compiles all that is here, whichever file it is asked for.
    command = [SLITHER, "Federation.sol", "--solc", CONTRACTS / "solc.js"]
    options = ["--compile-force-framework", "solc", "--fail-none", "--json", "-"]
    done = subprocess.run(  # noqa: S603
        [*command, *options],
        cwd=CONTRACTS,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        sys.exit(f"slither ended with {done.returncode}:\n{done.stderr}")
    found = json.loads(done.stdout)
    if not found["success"]:
        sys.exit(f"slither did not look at the contracts: {found['error']}")
    return {(each["check"], _place(each)) for each in found["results"].get("detectors", [])}


def answered() -> set[tuple[str, str]]:
    """Give what contracts/slither.toml has an answer to."""
    document = tomllib.loads(ANSWERS.read_text(encoding="utf-8"))
    return {(check, place) for check, answers in document.items() for place in answers}


def _place(finding: dict[str, Any]) -> str:
    element = finding["elements"][0]
    parent = element["type_specific_fields"].get("parent", {})
    return ".".join(name for name in (parent.get("name"), element["name"]) if name)


def main() -> None:
    """Compare both, and end with 1 unless they agree."""
    found, known = findings(), answered()
    lines = [
        f"{check} {place}: fix it, or answer it in {ANSWERS}" for check, place in found - known
    ]
    lines += [
        f"{check} {place}: answered, but not found any more" for check, place in known - found
    ]
    if lines:
        sys.exit("\n".join(sorted(lines)))
    sys.stdout.write(f"slither: {len(found)} findings, all answered in {ANSWERS.name}\n")


if __name__ == "__main__":
    main()

"""Checks the packages of constraints.txt for known vulnerabilities.

    python tools/advisories.py                    # exits with 1 if there are any
    python tools/advisories.py PIP-AUDIT …        # another program instead of pip-audit

pip-audit exits with 0 even if it found no package at all in the database, so its report is counted here. An unreachable
database does not fail the check, but prints a prominent warning.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PINS = Path(__file__).parent.parent / "constraints.txt"
ASK = ("-r", str(PINS), "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15")
SOURCES = ("pypi", "osv")  # the second is asked for packages unknown to the first
SECONDS = 300


def report(command: Sequence[str], source: str) -> list[dict]:
    """The report of pip-audit for each package; empty if it cannot be read."""
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [*command, *ASK, "--vulnerability-service", source], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        return list(json.loads(done.stdout)["dependencies"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as fault:
        print(f"{source}: no report ({type(fault).__name__})", file=sys.stderr)
        return []


def shout(*lines: str) -> None:
    edge = "!" * (max(map(len, lines)) + 4)
    print(f"\n{edge}", *(f"! {line.ljust(len(edge) - 4)} !" for line in lines), f"{edge}\n", sep="\n", file=sys.stderr)


def main(command: Sequence[str]) -> int:
    pinned = sum("==" in line for line in PINS.read_text().splitlines())
    known: dict[str, list[dict]] = {}
    for source in SOURCES:
        known |= {package["name"]: package["vulns"] for package in report(command, source) if "vulns" in package}
        if len(known) >= pinned:
            break
    bad = {name: vulns for name, vulns in known.items() if vulns}
    for name, vulns in sorted(bad.items()):
        for vuln in vulns:
            fixed = ", ".join(vuln.get("fix_versions", [])) or "no version yet"
            print(f"{name}: {vuln.get('id', '?')} {' '.join(vuln.get('aliases', []))} (fixed in {fixed})")
    if not known:
        shout("ADVISORIES NOT CHECKED: no database of advisories could be reached from here.",
              "This run says nothing about known vulnerabilities. Run 'make audit' where there is a network.")  # fmt: skip
    elif len(known) < pinned:
        shout(f"ADVISORIES CHECKED IN PART: {pinned - len(known)} of {pinned} packages could not be looked up.")
    else:
        print(f"{pinned} packages looked up, {len(bad)} with known vulnerabilities.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [str(Path(sys.executable).with_name("pip-audit"))]))

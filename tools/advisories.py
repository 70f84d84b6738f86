"""Asks what is known against the packages of constraints.txt, and says plainly when nobody could be asked.

    python tools/advisories.py                    # ends with 1 if anything is known against one of them
    python tools/advisories.py PIP-AUDIT …        # another program in its place

pip-audit says "no known vulnerabilities" and ends with 0 when it found *no package at all* in the database, too. So its
report is counted here: what was looked up, what was not. An unreachable database is no fault of the change at hand and does
not fail it; but it is said so loudly that nobody takes it for a yes.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PINS = Path(__file__).parent.parent / "constraints.txt"
ASK = ("-r", str(PINS), "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15")
SOURCES = ("pypi", "osv")  # the second is asked where the first knows nothing
PATIENCE = 300


def report(command: Sequence[str], source: str) -> list[dict]:
    """What pip-audit says of each package; nothing where it says nothing that can be understood."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words and what the Makefile names
            [*command, *ASK, "--vulnerability-service", source], capture_output=True, text=True, timeout=PATIENCE, check=False
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
        known |= {one["name"]: one["vulns"] for one in report(command, source) if "vulns" in one}
        if len(known) >= pinned:
            break
    bad = {name: vulns for name, vulns in known.items() if vulns}
    for name, vulns in sorted(bad.items()):
        for one in vulns:
            mended = ", ".join(one.get("fix_versions", [])) or "no version yet"
            print(f"{name}: {one.get('id', '?')} {' '.join(one.get('aliases', []))} (mended in {mended})")
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

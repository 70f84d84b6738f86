"""The command that says what is wrong with an installation, where, and what to do."""

import json

import click
from flask_babel import gettext

from app.cli.common import database, speaking
from app.core import clock
from app.core.settings import BadSetting, read_settings
from app.db.session import unlock
from app.worker.findings import Depth, Installation, Severity, SystemFinding, examine, of_error


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of sentences.")
@click.option("--fix", is_flag=True, help="Put right what can be put right without risk, then look again.")
@click.option("--deep", is_flag=True, help="Also open every stored file and verify the whole audit log.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
def doctor(as_json: bool, fix: bool, deep: bool, language: str) -> int:
    """Say what is wrong, where, and what to do. Ends with 0: nothing, 1: to be looked at, 2: to be put right now.

    \b
      anguan doctor
      anguan doctor --fix
      anguan doctor --json --deep
    """
    depth = Depth.DEEP if deep else Depth.FULL
    with speaking(language):
        found = findings(depth)
        if fix and (fixes := {one.fix: one for one in found if one.fix is not None}):
            for cure, one in fixes.items():
                cure()
                click.echo(gettext("Put right: %(what)s", what=one.what), err=as_json)
            found = findings(depth)
        click.echo(json.dumps([one.as_record() for one in found], ensure_ascii=False, indent=2) if as_json else told(found))
    return max((one.severity for one in found), default=0)


def findings(depth: Depth) -> list[SystemFinding]:
    """Everything that is wrong; if the settings cannot be read, that alone."""
    try:
        settings = read_settings()
    except BadSetting as error:
        return [of_error(error)]
    unlock(settings)
    with database(settings) as engine:
        return examine(Installation(settings, engine, clock.now()), depth)


def told(found: list[SystemFinding]) -> str:
    """For people: the gravest first, each with what to do."""
    if not found:
        return str(gettext("Nothing is wrong."))
    lines = []
    for one in sorted(found, key=lambda one: -one.severity):
        mark = "✗" if one.severity is Severity.ERROR else "!"
        lines += [f"{mark} {one.what}  [{one.code}]", f"    → {one.remedy}"]
    return "\n".join([*lines, str(gettext("Findings: %(n)s.", n=len(found)))])

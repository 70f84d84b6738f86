"""Commands about the audit log: whether it is whole, how far it is signed, and how old lines are removed."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import click
from sqlalchemy.orm import Session, sessionmaker

from app.cli.clock import demand_sound_clock
from app.cli.common import database, settings_in_use
from app.core import clock
from app.core.crypto.signing_keys import ring
from app.core.settings import BadSetting, Settings
from app.core.vocabulary import ChainFault
from app.db import migrate
from app.db.audit import checkpoints
from app.db.audit.hash_chain import ChainBreak
from app.db.session import read_only, unlock

BY = "anguan audit"  # the name under which lines are written
FAULTS = {
    ChainFault.CHANGED: "it, or its link, was changed",
    ChainFault.MISSING: "it was removed",
    ChainFault.MOVED: "another line was put in its place",
    ChainFault.UNLINKED: "it stands outside the chain: the system did not write it",
    ChainFault.CUT: "the audit log was cut off here, or written anew: the checkpoint at line {checkpoint} says otherwise",
    ChainFault.FORGED: "a checkpoint was not signed by this system, or changed since",
}


DAY = click.DateTime(["%Y-%m-%d"])


@click.group(invoke_without_command=True)
@click.pass_context
def audit(context: click.Context) -> int | None:
    """The audit log: verify (the default), checkpoint, export, prune, grant.

    \b
      anguan audit export --from 2026-01-01 --to 2026-06-30 audit-2026-1.jsonl
      anguan audit prune --before 2026-07-01 audit-2026-1.jsonl
    """
    return int(context.invoke(verify)) if context.invoked_subcommand is None else None


@contextmanager
def _audit_sessions(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Sessions of this command, over the keys that the chain is made and signed with."""
    unlock(settings)
    ring.open(settings.code_keys)
    with database(settings) as engine:
        yield sessionmaker(engine, info={"actor": BY, "at": clock.now()})


@audit.command()
@click.option("--heads", type=click.Path(path_type=Path), help="Checkpoints kept elsewhere (default: ANGUAN_DIARY_HEADS).")
def verify(heads: Path | None = None) -> int:
    """Verify the whole chain; name the first line that does not hold, and end with 1."""
    settings, given = settings_in_use(), heads
    heads = heads or settings.diary_heads
    if given and not heads.exists():
        raise BadSetting(f"There is no file {heads}.")
    with _audit_sessions(settings) as sessions:
        began = perf_counter()
        found = checkpoints.verify(sessions, checkpoints.read_published(heads))
        seconds = perf_counter() - began
    if not heads.exists():
        print(f"There is no {heads}: a cut at the end shows by the database's own checkpoints only.", file=sys.stderr)
    print(f"{found.lines} lines hold ({found.lines / seconds:,.0f} a second).")
    for one in found.restores:
        print(f"A backup was restored at {one.restored}: what was written after line {one.seq} before that is lost.")
    if found.broken is not None:
        print(in_words(found.broken))
        return 1
    return 0


def in_words(broken: ChainBreak) -> str:
    """The first line that does not hold, for the operator."""
    place = f"Line {broken.seq}" if broken.seq is not None else "A line"
    entry = f" (entry {broken.entry_id})" if broken.entry_id is not None else ""
    return f"BROKEN. {place}{entry}: {FAULTS[broken.fault].format(checkpoint=broken.checkpoint)}."


@audit.command()
def checkpoint() -> None:
    """Sign how far the audit log reaches now, and write that down outside the database."""
    settings = settings_in_use()
    with _audit_sessions(settings) as sessions:
        with sessions.begin() as session:
            made = checkpoints.create(session, at=clock.now())
            result = f"Signed up to line {made.seq} ({made.hash[:16]}…)." if made else "Nothing new to sign."
        with sessions() as session:
            checkpoints.publish(session, settings.diary_heads)
    print(result)


@audit.command()
@click.option("--from", "since", type=DAY, required=True, metavar="DAY", help="YYYY-MM-DD.")
@click.option("--to", "until", type=DAY, required=True, metavar="DAY", help="YYYY-MM-DD, that day included.")
@click.argument("file", type=click.Path(path_type=Path))
def export(since: datetime, until: datetime, file: Path) -> None:
    """Write the lines of some days to a new FILE, with their hashes and the checkpoint over them."""
    settings = settings_in_use()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise BadSetting(f"{file} cannot be made: {fault.strerror}.") from None
    lines = 0
    try:
        with _audit_sessions(settings) as sessions, sessions() as session, os.fdopen(handle, "w", encoding="ascii") as out:
            records = checkpoints.export(session, since.date(), until.date(), at=clock.now())
            session.commit()
            with read_only():
                for lines, record in enumerate(records, start=-1):  # noqa: B007 - the first and the last are no lines
                    out.write(json.dumps(record) + "\n")
            checkpoints.publish(session, settings.diary_heads)
    except BaseException:
        file.unlink()
        raise
    print(f"{lines} lines in {file}.")


@audit.command(help=f"Remove exported lines of days long past; {checkpoints.RETENTION.days} days are always kept.")
@click.option("--before", type=DAY, required=True, metavar="DAY", help="YYYY-MM-DD: lines from that day on stay.")
@click.argument("exported", nargs=-1, required=True, type=click.Path(path_type=Path))
def prune(before: datetime, exported: tuple[Path, ...]) -> None:
    settings = settings_in_use()
    with _audit_sessions(settings) as sessions:
        with database(settings) as engine:
            demand_sound_clock(settings, engine)
        found = checkpoints.verify(sessions, checkpoints.read_published(settings.diary_heads))
        if found.broken is not None:
            raise checkpoints.AuditLogFault(f"Nothing was removed. {in_words(found.broken)}")
        with sessions.begin() as session, ExitStack() as files:
            records = _records([files.enter_context(_opened(path)) for path in exported])
            first, last = checkpoints.prune(session, before.date(), records, at=clock.now())
        with sessions() as session:
            checkpoints.publish(session, settings.diary_heads)
    print(f"Lines {first} to {last} were removed; a checkpoint stands for them. Keep the exported files.")


def _opened(path: Path) -> Any:
    try:
        return path.open(encoding="ascii")
    except OSError as fault:
        raise BadSetting(f"{path} cannot be read: {fault.strerror}.") from None


def _records(files: list[Any]) -> Iterator[Mapping[str, Any]]:
    """The records of exported files, in the order of their lines, whatever order the files were named in."""
    try:
        heads = {file: json.loads(file.readline())["first"] for file in files}
        for file in sorted(files, key=lambda file: int(heads[file])):
            for line in file:
                yield dict(json.loads(line))
    except (ValueError, KeyError, TypeError):
        raise BadSetting("One of these files was not written by 'anguan audit export', or is damaged.") from None


@audit.command()
@click.argument("role")
def grant(role: str) -> None:
    """Let a PostgreSQL ROLE work with everything, and only read and add to the audit log.

    'anguan serve' and 'anguan worker' run with it; it is not the owner of the tables.
    """
    with database(settings_in_use()) as engine, engine.begin() as connection:
        migrate.grant(connection, role)
    print(f"{role} works with everything, and only reads and adds to the audit log. Repeat after each update.")

"""Commands about the diary: that it is whole, how far it is signed, and how old lines leave it."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.cli.common import Command, settings_in_use
from app.core import clock
from app.core.crypto.signing_keys import ring
from app.core.settings import BadSetting, Settings
from app.core.vocabulary import ChainFault
from app.db import migrate
from app.db.audit import checkpoints
from app.db.audit.hash_chain import ChainBreak
from app.db.session import read_only, unlock

BY = "anguan audit"  # who signs in the diary
SAYS = {
    ChainFault.CHANGED: "it, or its link, was changed",
    ChainFault.MISSING: "it was removed",
    ChainFault.MOVED: "another line was put in its place",
    ChainFault.UNLINKED: "it stands outside the chain: the house did not write it",
    ChainFault.CUT: "the diary was cut off here, or written anew: the checkpoint at line {checkpoint} says otherwise",
    ChainFault.FORGED: "a checkpoint was not signed by this house, or changed since",
}


def add_diary(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    own = add("audit", verify, "The diary: verify (the default), checkpoint, export, prune, grant.")
    own.set_defaults(heads=None)
    deeds = own.add_subparsers(metavar="DEED")

    def deed(name: str, command: Command, about: str) -> argparse.ArgumentParser:
        parser = deeds.add_parser(name, help=about, description=about)
        parser.set_defaults(command=command)
        return parser

    walk = deed("verify", verify, "walk along the whole chain; name the first line that does not hold, and end with 1")
    walk.add_argument("--heads", type=Path, metavar="FILE", help="checkpoints kept elsewhere (default: ANGUAN_DIARY_HEADS)")
    deed("checkpoint", checkpoint, "sign how far the diary reaches now, and write that down outside the database")
    out = deed("export", export, "write the lines of some days to a file, with their hashes and the checkpoint over them")
    out.add_argument("--from", dest="since", type=_day, required=True, metavar="DAY", help="YYYY-MM-DD")
    out.add_argument("--to", dest="until", type=_day, required=True, metavar="DAY", help="YYYY-MM-DD, that day included")
    out.add_argument("file", type=Path, metavar="FILE", help="must not exist yet")
    go = deed("prune", prune, f"remove exported lines of days long past; {checkpoints.RETENTION.days} days are always kept")
    go.add_argument("--before", type=_day, required=True, metavar="DAY", help="YYYY-MM-DD: lines from that day on stay")
    go.add_argument("exported", nargs="+", type=Path, metavar="FILE", help="as 'export' wrote them; they are read again")
    role = deed("grant", grant, "let a PostgreSQL role work with everything, and only read and add to the diary")
    role.add_argument("role", metavar="ROLE", help="with which 'anguan serve' and 'anguan worker' run; not the tables' owner")


def _day(text: str) -> date:
    return date.fromisoformat(text)


@contextmanager
def _books(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Sessions of this command, over the keys that the chain is made and signed with."""
    unlock(settings)
    ring.open(settings.code_keys)
    engine = create_engine(settings.database_url, hide_parameters=True)
    try:
        yield sessionmaker(engine, info={"actor": BY, "at": clock.now()})
    finally:
        engine.dispose()


def verify(chosen: argparse.Namespace) -> int:
    settings = settings_in_use()
    heads = chosen.heads or settings.diary_heads
    if chosen.heads and not heads.exists():
        raise BadSetting(f"There is no file {heads}.")
    with _books(settings) as sessions:
        began = perf_counter()
        found = checkpoints.verify(sessions, checkpoints.read_published(heads))
        seconds = perf_counter() - began
    if not heads.exists():
        print(f"There is no {heads}: a cut at the end can only be told by the database's own checkpoints.", file=sys.stderr)
    print(f"{found.lines} lines hold ({found.lines / seconds:,.0f} a second).")
    if found.broken is not None:
        print(in_words(found.broken))
        return 1
    return 0


def in_words(broken: ChainBreak) -> str:
    """The first place that does not hold, for whoever runs the house."""
    place = f"Line {broken.seq}" if broken.seq is not None else "A line"
    entry = f" (entry {broken.entry_id})" if broken.entry_id is not None else ""
    return f"BROKEN. {place}{entry}: {SAYS[broken.fault].format(checkpoint=broken.checkpoint)}."


def checkpoint(_chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    with _books(settings) as sessions:
        with sessions.begin() as session:
            made = checkpoints.create(session, at=clock.now())
            said = f"Signed up to line {made.seq} ({made.hash[:16]}…)." if made else "Nothing new to sign."
        with sessions() as session:
            checkpoints.publish(session, settings.diary_heads)
    print(said)


def export(chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    try:
        handle = os.open(chosen.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise BadSetting(f"{chosen.file} cannot be made: {fault.strerror}.") from None
    lines = 0
    try:
        with _books(settings) as sessions, sessions() as session, os.fdopen(handle, "w", encoding="ascii") as file:
            records = checkpoints.export(session, chosen.since, chosen.until, at=clock.now())
            session.commit()
            with read_only():
                for lines, record in enumerate(records, start=-1):  # noqa: B007 - the first and the last are no lines
                    file.write(json.dumps(record) + "\n")
            checkpoints.publish(session, settings.diary_heads)
    except BaseException:
        chosen.file.unlink()
        raise
    print(f"{lines} lines in {chosen.file}.")


def prune(chosen: argparse.Namespace) -> None:
    settings = settings_in_use()
    with _books(settings) as sessions:
        found = checkpoints.verify(sessions, checkpoints.read_published(settings.diary_heads))
        if found.broken is not None:
            raise checkpoints.AuditLogFault(f"Nothing was removed. {in_words(found.broken)}")
        with sessions.begin() as session, ExitStack() as files:
            records = _records([files.enter_context(_opened(path)) for path in chosen.exported])
            first, last = checkpoints.prune(session, chosen.before, records, at=clock.now())
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
        for file in sorted(files, key=lambda one: int(heads[one])):
            for line in file:
                yield dict(json.loads(line))
    except (ValueError, KeyError, TypeError):
        raise BadSetting("One of these files was not written by 'anguan audit export', or is damaged.") from None


def grant(chosen: argparse.Namespace) -> None:
    engine = create_engine(settings_in_use().database_url)
    try:
        with engine.begin() as connection:
            migrate.grant(connection, chosen.role)
    finally:
        engine.dispose()
    print(f"{chosen.role} works with everything, and only reads and adds to the diary. Repeat after each update.")

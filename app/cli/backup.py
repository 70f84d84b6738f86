"""Commands that make and list backups, and make the key that opens them."""

import os
from pathlib import Path

import click
from sqlalchemy.orm import Session

from app.backup import last_backup, making, repository
from app.backup.repository import Backup
from app.backup.targets import FolderTarget, Target, target_of
from app.cli.common import database, settings_in_use
from app.core import clock
from app.core.crypto import backup_cipher
from app.core.settings import BadSetting, Settings
from app.db.session import unlock
from app.files.stores import store_of

SHOWN = 20  # missing files
MIB = 1 << 20


@click.group(invoke_without_command=True)
@click.pass_context
def backup(context: click.Context) -> int | None:
    """Backups: make one (the default), list, key.

    \b
      anguan backup key /media/usb/anguan-backup.key
      anguan backup
      anguan restore --rehearse --key /media/usb/anguan-backup.key
    """
    return int(context.invoke(make)) if context.invoked_subcommand is None else None


def place_of(settings: Settings) -> Target:
    """The place of the backups; ``BadSetting`` if none is set."""
    target = target_of(settings)
    if target is None:
        raise BadSetting("No place for backups is set: set ANGUAN_BACKUP_FOLDER to a folder on another disk, or a bucket.")
    return target


@backup.command()
def make() -> int:
    """Make a backup now, while the system is in use. Ends with 1 if files were missing from the store."""
    settings = settings_in_use()
    unlock(settings)
    target = place_of(settings)
    with database(settings) as engine:
        try:
            made, missing = making.make(settings, engine, store_of(settings), target, now=clock.now)
        except OSError as fault:
            raise BadSetting(f"The backup was broken off, and nothing of it counts: {fault.strerror}.") from fault
        with Session(engine) as session:
            last_backup.record(session, made, by="anguan backup", at=clock.now())
            session.commit()
    print(line_of(made))
    for digest in sorted(missing)[:SHOWN]:
        print(f"- {digest} is named by the database and missing from the store, or damaged there.")
    return 1 if missing else 0


def line_of(one: Backup) -> str:
    size = f"{one.bytes / MIB:,.1f} MiB, and {one.file_bytes / MIB:,.1f} MiB of {one.files:,} files"
    lost = f"; {one.missing} FILES WERE MISSING" if one.missing else ""
    return f"{one.name}  {clock.office_time(one.at):%Y-%m-%d %H:%M:%S}  {one.kind}  {size}{lost}"


@backup.command("list")
@click.option("--from", "folder", type=click.Path(path_type=Path), help="The folder (default: ANGUAN_BACKUP_FOLDER).")
@click.option("--check", is_flag=True, help="Read each archive and compare it with what was written.")
def list_backups(folder: Path | None, check: bool) -> int:
    """List the backups that are whole; with --check ends with 1 if an archive was damaged since."""
    target = FolderTarget(folder) if folder else place_of(settings_in_use())
    damaged = 0
    for one in repository.backups(target):
        intact = not check or repository.is_intact(target, one)
        damaged += not intact
        print(line_of(one) + ("" if intact else "  DAMAGED"))
    return 1 if damaged else 0


@backup.command()
@click.argument("file", type=click.Path(path_type=Path))
def key(file: Path) -> None:
    """Make the key that opens backups: the private key goes into FILE (0600), the public one is shown.

    Keep FILE in two places away from the server, and not on it: without it no backup can be opened, and whoever has it can
    open all of them.
    """
    private, public = backup_cipher.make_key()
    content = f"# anguan backup, public key: {public}\n{private}\n"
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content.encode())
    except OSError as fault:
        raise BadSetting(f"{file} cannot be made: {fault.strerror}.") from None
    print(f"ANGUAN_BACKUP_KEYS={public}")

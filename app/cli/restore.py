"""The command that restores a backup, or rehearses it."""

import getpass
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import click

from app.backup import rehearsal, repository, restoring
from app.backup.rehearsal import RehearsedCheck
from app.backup.repository import Backup
from app.backup.restoring import RestorePlace
from app.backup.targets import FolderTarget, Target
from app.cli.backup import line_of, place_of
from app.cli.common import alone, bytes_of
from app.core import clock
from app.core.crypto import backup_cipher
from app.core.settings import Keys, Settings, read_settings
from app.db.audit import checkpoints

BY = "anguan restore"
EVERY = 1_000  # files between two lines about progress


@click.command()
@click.option("--key", "key_file", type=click.Path(path_type=Path), required=True, help="The private key of the backups.")
@click.option("--backup", "name", default="", help="Name of the backup (default: the newest; see 'anguan backup list').")
@click.option("--from", "folder", type=click.Path(path_type=Path), help="The folder (default: ANGUAN_BACKUP_FOLDER).")
@click.option("--rehearse", is_flag=True, help="Restore into a scratch place, examine it, and remove it again.")
@click.option("--scratch", type=click.Path(path_type=Path, exists=True), help="Folder for the scratch place.")
@click.option("--database", "scratch_url", default="", help="An empty PostgreSQL database for the rehearsal.")
@click.option(
    "--skip-numbers",
    type=click.IntRange(0, 1_000_000),
    default=0,
    help="Leave out so many numbers in each series: as many as may have been given after the backup.",
)
def restore(
    key_file: Path, name: str, folder: Path | None, rehearse: bool, scratch: Path | None, scratch_url: str, skip_numbers: int
) -> int:
    """Restore a backup into ANGUAN_HOME and DATABASE_URL, which must be empty. Ends with 1 if a rehearsal finds a fault.

    \b
      anguan restore --rehearse --key /media/usb/anguan-backup.key
      anguan restore --key /media/usb/anguan-backup.key --skip-numbers 200
    """
    settings = read_settings(keys=Keys.fresh())  # those of the backup come with it
    identities = backup_cipher.identities_of(bytes_of(key_file))
    target = FolderTarget(folder) if folder else place_of(settings)
    backup = repository.find(target, name)
    print(line_of(backup))
    if rehearse:
        return _rehearse(settings, target, backup, identities, scratch, scratch_url)
    with alone(settings.home):
        options = {"skip_numbers": skip_numbers, "by": f"{BY} ({getpass.getuser()})", "at": clock.now()}
        done = restoring.restore(target, backup, identities, RestorePlace.of(settings), **options, progress=_progress)  # type: ignore[arg-type]
    print(f"Restored: {settings.home}, {len(done.files):,} files, {sum(done.found.counts.values()):,} rows.")
    line, last = done.resumption
    print(f"The audit log goes on after line {line}" + (f"; lines {line + 1} to {last} are lost." if last > line else "."))
    if last > line and not skip_numbers:
        print("Something was written after the backup: numbers given since may be given a second time.")
    print("Next: 'anguan init', 'anguan audit', 'anguan doctor', and on PostgreSQL 'anguan audit grant ROLE'.")
    print("Everybody signs in anew.")
    return 0


def _progress(number: int) -> None:
    if number % EVERY == 0:
        print(f"  {number:,} files", file=sys.stderr, flush=True)


def _rehearse(
    settings: Settings,
    target: Target,
    backup: Backup,
    identities: backup_cipher.Identities,
    scratch: Path | None,
    scratch_url: str,
) -> int:
    began, at = perf_counter(), clock.now()
    outside = checkpoints.read_published(settings.diary_heads)
    with ExitStack() as places:
        home = Path(places.enter_context(tempfile.TemporaryDirectory(prefix="anguan-rehearsal-", dir=scratch)))
        given = rehearsal.scratch_database(backup.kind, home, settings.database_url)
        url = scratch_url or places.enter_context(given)
        place = replace(RestorePlace.of(settings), home=home, database_url=url, heads=home / "diary-heads.jsonl", bucket=None)
        done = restoring.restore(target, backup, identities, place, known=outside, by=BY, at=at, progress=_progress)
        checks = []
        known = [*restoring.verifiable(outside), *checkpoints.read_published(place.heads)]
        for check in rehearsal.examine(done, home, url, known, at=at):
            print(line_about(check), flush=True)
            checks.append(check)
    faults = sum(len(check.faults) for check in checks)
    print(f"{'All is well' if not faults else f'{faults} FAULTS'}. Restored and examined in {perf_counter() - began:,.1f} s.")
    return 1 if faults else 0


def line_about(check: RehearsedCheck) -> str:
    state = "ok" if not check.faults else f"{len(check.faults)} FAULTS"
    return "\n".join([f"{check.what:<52}{check.count:>14,}  {state}", *(f"  - {fault}" for fault in check.faults)])

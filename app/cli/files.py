"""The command that moves the files to another place."""

import getpass
import sys

import click
from sqlalchemy.orm import Session

from app.applications.scan_retention import referenced_digests
from app.cli.common import alone, database, settings_in_use
from app.core import clock
from app.core.settings import BadSetting, Settings, bucket_access
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import read_only, unlock
from app.files import moving
from app.files.moving import MovedFiles
from app.files.storage import Store
from app.files.stores import store_at, store_of

BY = "anguan files move"
HOME = "home"
SHOWN = 20  # faults
MIB = 1 << 20


@click.group()
def files() -> None:
    """The files of scans, certificates and letters: move."""


@files.command()
@click.argument("place")
def move(place: str) -> int:
    """Copy all files to PLACE: s3://bucket/prefix, or 'home' for the folder under ANGUAN_HOME.

    Each is encrypted under the newest key, and read again at PLACE and compared with its digest. May be broken off and
    repeated; nothing is removed at the old place. Run it while the system runs, then stop the system, run it again for
    what came meanwhile, and set ANGUAN_BLOBS. Ends with 1 if a file that the database names is not whole at PLACE.

    \b
      ANGUAN_S3_URL=https://s3.example ANGUAN_S3_KEY=… ANGUAN_S3_SECRET=… anguan files move s3://anguan/files
    """
    settings = settings_in_use()
    unlock(settings)
    source, target = store_of(settings), _store(settings, place)
    if source.address == target.address:
        raise BadSetting(f"The files lie in {source.address} already.")
    with alone(settings.home), database(settings) as engine:
        try:
            moved = moving.move(source, target, _progress)
        except OSError as fault:
            raise BadSetting(f"Broken off: {fault}. Run the command again to go on.") from fault
        with read_only(), Session(engine) as session:
            lost = referenced_digests(session) - moved.digests
        with Session(engine) as session:
            change = {"files": [source.address, target.address], "count": len(moved.digests)}
            audit.log(session, f"{BY} ({getpass.getuser()})", AuditAction.CHANGE, "files", "", change, at=clock.now())
            session.commit()
    _report(moved, lost, target, place)
    return 1 if lost else 0


def _store(settings: Settings, place: str) -> Store:
    return store_at(settings.blobs if place == HOME else bucket_access()(place))


def _progress(moved: MovedFiles) -> None:
    print(f"  {len(moved.digests):,} files, {moved.bytes / MIB:,.1f} MiB copied", file=sys.stderr, flush=True)


def _report(moved: MovedFiles, lost: set[str], target: Store, place: str) -> None:
    print(f"{len(moved.digests):,} files are whole in {target.address}; {moved.copied:,} of them were copied now.")
    for digest in sorted(moved.faults.keys() - lost)[:SHOWN]:
        print(f"- {digest} was not copied ({moved.faults[digest]}); no row names it.")
    for digest in sorted(lost)[:SHOWN]:
        print(f"- {digest} is named by the database and was not copied ({moved.faults.get(digest, 'file-missing')}).")
    after = "unset ANGUAN_BLOBS" if place == HOME else f"set ANGUAN_BLOBS={target.address}"
    print(f"With the system stopped, run this once more; then {after} and start it. The old place is left as it is.")

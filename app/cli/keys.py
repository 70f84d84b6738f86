"""Commands about the keys that encrypt: another key, everything put under it, the old one dropped, and whether all opens."""

import argparse
import getpass
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app.cli.common import Command, alone, settings_in_use
from app.core import clock
from app.core.crypto.encryption import Keyring
from app.core.settings import BadSetting, Settings, home_of, write_keys
from app.core.vocabulary import AuditAction
from app.db import audit, key_rotation
from app.db.session import unlock
from app.files.storage import Store

LARGEST = 255  # a key id is one byte
SETTLED = timedelta(hours=1)  # no request and no job holds what it sealed for so long without writing it down
SHOWN = 50


def add_rotation(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    about = "Put everything that is encrypted under the newest key; goes on where it was stopped. The house stays open."
    parser = add("rekey", run, about)
    deeds = parser.add_mutually_exclusive_group()
    deeds.add_argument("--new-key", action="store_true", help="make a new key first; running processes take it up at once")
    deeds.add_argument("--retire", action="store_true", help="drop older keys, provided that nothing lies under them")
    deeds.add_argument("--index", action="store_true", help="make a new key for finding secrets; stop the house before")
    deeds.add_argument("--check", action="store_true", help="only look whether every secret opens and stands in its own row")


def run(chosen: argparse.Namespace) -> int:
    with alone(home_of()):
        settings = settings_in_use(mid_rotation=chosen.index)
        unlock(settings)
        engine, store = create_engine(settings.database_url, hide_parameters=True), Store(settings.blobs)
        try:
            if chosen.check:
                return _check(engine)
            if chosen.retire:
                return _retire(engine, store, settings)
            return _index(engine, settings) if chosen.index else _rekey(engine, store, settings, new=chosen.new_key)
        finally:
            engine.dispose()


def _rekey(engine: Engine, store: Store, settings: Settings, *, new: bool) -> int:
    keys = settings.keys
    if new:
        kid = max(keys.data) + 1
        if kid > LARGEST:
            raise BadSetting(f"There is no key id after {LARGEST}. Please ask the makers.")
        keys = replace(keys, data={**keys.data, kid: secrets.token_bytes(32)})
        write_keys(settings.keys_file, keys)
        print(f"Key {kid} encrypts from now on. Put {settings.keys_file} into the backup.")
    done = key_rotation.rotate(engine, store, _told)
    kid = max(keys.data)
    if done.rows or done.objects or new:
        _note(engine, kid, {"key": kid, "rows": done.rows, "objects": done.objects})
    print(f"{done.rows} rows and {done.objects} objects were put under key {kid}.")
    for one in done.unopened[:SHOWN]:
        print(f"anguan: {one} does not open and was left as it is.", file=sys.stderr)
    return 1 if done.unopened else 0


def _told(what: str, count: int) -> None:
    print(f"  {what}: {count}", file=sys.stderr, flush=True)


def _retire(engine: Engine, store: Store, settings: Settings) -> int:
    newest = max(settings.keys.data)
    old = sorted(settings.keys.data.keys() - {newest})
    if not old:
        raise BadSetting(f"There is no older key than key {newest}.")
    age = clock.now() - datetime.fromtimestamp(settings.keys_file.stat().st_mtime, UTC)
    if age < SETTLED:
        raise BadSetting("The keys were changed less than an hour ago: something sealed before may not be written down yet.")
    used = key_rotation.key_usage(engine, store)
    still = {kid: used[kid] for kid in old if used.get(kid)}
    if still:
        told = ", ".join(f"{count} under key {kid}" for kid, count in still.items())
        raise BadSetting(f"Not everything is under key {newest} yet: {told}. Run 'anguan rekey' first.")
    write_keys(settings.keys_file, replace(settings.keys, data={newest: settings.keys.data[newest]}))
    _note(engine, newest, {"retired": old})
    print(f"Dropped: {', '.join(f'key {kid}' for kid in old)}. Backups made before still need them: keep their keys.json.")
    return 0


def _index(engine: Engine, settings: Settings) -> int:
    """The key is written down before it is used, so that whoever is stopped on the way goes on with the same one."""
    keys = settings.keys
    keys = replace(keys, lasting=keys.lasting or keys.index, index_next=keys.index_next or secrets.token_bytes(32))
    write_keys(settings.keys_file, keys)
    ring = Keyring()
    ring.unlock(keys.index_next, keys.data, keys.lasting)
    count = key_rotation.reindex(engine, ring)
    write_keys(settings.keys_file, replace(keys, index=keys.index_next, index_next=b""))
    _note(engine, "index", {"rows": count})
    print(f"{count} rows are found by a new key. Start the house again.")
    return 0


def _check(engine: Engine) -> int:
    found = 0
    for fault in key_rotation.misplaced_secrets(engine):
        print(f"- {fault}")
        found += 1
    print(f"{found} to look at." if found else "Every secret opens and stands in its own row.")
    return 1 if found else 0


def _note(engine: Engine, row: object, change: dict[str, object]) -> None:
    with Session(engine) as session:
        audit.log(session, f"anguan rekey ({getpass.getuser()})", AuditAction.CHANGE, "keys", row, change, at=clock.now())
        session.commit()

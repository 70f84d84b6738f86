"""The command about encryption keys: rotate to a new one, drop old ones, check that everything decrypts."""

import getpass
import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.cli.common import alone, database, settings_in_use
from app.core import clock
from app.core.crypto.encryption import Keyring
from app.core.settings import BadSetting, Settings, home_of, write_keys
from app.core.vocabulary import AuditAction
from app.db import audit, key_rotation
from app.db.session import unlock
from app.files.storage import Store
from app.files.stores import store_of

LARGEST = 255  # a key id is one byte
SETTLED = timedelta(hours=1)  # no request and no job keeps encrypted data for so long without storing it
SHOWN = 50


@click.command()
@click.option("--new-key", "action", flag_value="new", help="Make a new key first; running processes take it up at once.")
@click.option("--retire", "action", flag_value="retire", help="Drop older keys, provided that nothing lies under them.")
@click.option("--index", "action", flag_value="index", help="Make a new key of the blind index; stop the system before.")
@click.option(
    "--check", "action", flag_value="check", help="Only look whether every secret decrypts and stands in its own row."
)
def rekey(action: str | None) -> int:
    """Encrypt everything under the newest key; goes on where it was stopped, while the system runs.

    \b
      anguan rekey --new-key      and, an hour later
      anguan rekey --retire
    """
    with alone(home_of()):
        settings = settings_in_use(mid_rotation=action == "index")
        unlock(settings)
        store = store_of(settings)
        with database(settings) as engine:
            if action == "check":
                return _check(engine)
            if action == "retire":
                return _retire(engine, store, settings)
            return _index(engine, settings) if action == "index" else _rekey(engine, store, settings, new=action == "new")


def _rekey(engine: Engine, store: Store, settings: Settings, *, new: bool) -> int:
    keys = settings.keys
    if new:
        kid = max(keys.data) + 1
        if kid > LARGEST:
            raise BadSetting(f"There is no key id after {LARGEST}. Please ask the makers.")
        keys = replace(keys, data={**keys.data, kid: secrets.token_bytes(32)})
        write_keys(settings.keys_file, keys)
        print(f"Key {kid} encrypts from now on. Make a backup ('anguan backup'): it holds the key.")
    done = key_rotation.rotate(engine, store, _progress)
    kid = max(keys.data)
    if done.rows or done.objects or new:
        _note(engine, kid, {"key": kid, "rows": done.rows, "objects": done.objects})
    print(f"{done.rows} rows and {done.objects} objects were put under key {kid}.")
    for place in done.unopened[:SHOWN]:
        print(f"anguan: {place} does not open and was left as it is.", file=sys.stderr)
    return 1 if done.unopened else 0


def _progress(what: str, count: int) -> None:
    print(f"  {what}: {count}", file=sys.stderr, flush=True)


def _retire(engine: Engine, store: Store, settings: Settings) -> int:
    newest = max(settings.keys.data)
    old = sorted(settings.keys.data.keys() - {newest})
    if not old:
        raise BadSetting(f"There is no older key than key {newest}.")
    age = clock.now() - datetime.fromtimestamp(settings.keys_file.stat().st_mtime, UTC)
    if age < SETTLED:
        raise BadSetting("The keys were changed less than an hour ago: something encrypted before may not be stored yet.")
    used = key_rotation.key_usage(engine, store)
    still = {kid: used[kid] for kid in old if used.get(kid)}
    if still:
        rest = ", ".join(f"{count} under key {kid}" for kid, count in still.items())
        raise BadSetting(f"Not everything is under key {newest} yet: {rest}. Run 'anguan rekey' first.")
    write_keys(settings.keys_file, replace(settings.keys, data={newest: settings.keys.data[newest]}))
    _note(engine, newest, {"retired": old})
    print(f"Dropped: {', '.join(f'key {kid}' for kid in old)}. Backups made before hold them.")
    return 0


def _index(engine: Engine, settings: Settings) -> int:
    """The key is stored before it is used, so that an interrupted run goes on with the same one."""
    keys = settings.keys
    keys = replace(keys, lasting=keys.lasting or keys.index, index_next=keys.index_next or secrets.token_bytes(32))
    write_keys(settings.keys_file, keys)
    ring = Keyring()
    ring.unlock(keys.index_next, keys.data, keys.lasting)
    count = key_rotation.reindex(engine, ring)
    write_keys(settings.keys_file, replace(keys, index=keys.index_next, index_next=b""))
    _note(engine, "index", {"rows": count})
    print(f"{count} rows are found by a new key. Start the system again.")
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

"""The command ``anguan``: its commands by group, and how an expected error ends."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

import click
from sqlalchemy.exc import SQLAlchemyError

from app.cli.accounts import account, create_admin, reset_password
from app.cli.audit import audit
from app.cli.backup import backup
from app.cli.certificates import codes, seal, verify
from app.cli.clock import clock
from app.cli.doctor import doctor
from app.cli.files import files
from app.cli.keys import rekey
from app.cli.legacy import import_legacy
from app.cli.manual import manual
from app.cli.move import move
from app.cli.permissions_doc import roles
from app.cli.pki import ukey
from app.cli.redaction import disclosure
from app.cli.restore import restore
from app.cli.retention import retention
from app.cli.server import deliver, serve, worker
from app.cli.setup import demo, init
from app.cli.upgrade import upgrade
from app.core.errors import AppError


@click.version_option(version("anguan"), message="%(prog)s %(version)s")
@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def anguan() -> None:
    """Commands of the approval system. Settings: docs/SETTINGS.md.

    \b
    Begin with:
      anguan init
      anguan create-admin
      anguan serve
    Completion in bash:
      eval "$(_ANGUAN_COMPLETE=bash_source anguan)"
    """


for command in (
    *(init, demo, serve, worker, deliver, doctor, account, create_admin, reset_password, roles, import_legacy),
    *(verify, codes, seal, ukey, rekey, retention, audit, clock, disclosure, backup, restore, move, files, upgrade, manual),
):
    anguan.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code of the process: 1 for an expected error, 2 for a wrong call."""
    try:
        return int(anguan.main(args=arguments, prog_name="anguan", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except AppError as error:
        print(f"anguan: {error}", file=sys.stderr)
    except SQLAlchemyError as error:
        print(f"anguan: the database does not answer as it should: {str(error).splitlines()[0]}", file=sys.stderr)
    return 1

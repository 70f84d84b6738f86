"""Commands about the machine's clock: is it believed, and: it is right (``applications.clock_check``)."""

import getpass
from datetime import datetime

import click
from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker

from app.applications import clock_check
from app.cli.common import database, settings_in_use
from app.core.clock import now, office_time
from app.core.errors import ClockInDoubt
from app.core.settings import Settings
from app.db.session import unlock


@click.group(invoke_without_command=True)
@click.pass_context
def clock(context: click.Context) -> int:
    """Say whether the machine's clock is believed; ends with 1 if it is in doubt.

    \b
      anguan clock
      anguan clock accept    after the machine was off for long, or its clock was set right
    """
    if context.invoked_subcommand is not None:
        return 0
    settings = settings_in_use()
    with database(settings) as engine:
        told = doubt_in_words(settings, engine)
    print(told or f"The clock shows {_shown(now())} and is believed.")
    return int(bool(told))


@clock.command()
def accept() -> None:
    """Say that the clock is right now: what waited is done, and what a wrong clock left ahead is put right."""
    settings, at = settings_in_use(), now()
    unlock(settings)
    with database(settings) as engine, sessionmaker(engine).begin() as session:
        doubted = clock_check.accept(session, by=f"anguan clock ({getpass.getuser()})", at=at)
    print(f"The clock shows {_shown(at)}; it is believed from now on{'' if doubted else ', as it was'}.")


def demand_sound_clock(settings: Settings, engine: Engine) -> None:
    """Raise ``ClockInDoubt`` before a command that removes for good."""
    if doubt_in_words(settings, engine):
        raise ClockInDoubt


def doubt_in_words(settings: Settings, engine: Engine) -> str:
    """What the operator reads while the clock is in doubt, "" while it is not."""
    unlock(settings)
    at = now()
    doubt = clock_check.examine(sessionmaker(engine), settings.office, at=at)
    if doubt is None:
        return ""
    return (
        f"The clock shows {_shown(at)}, but the last moment recorded before is {_shown(doubt)}. Nothing final is done "
        "(night's work, removals, decisions). If the clock is right, because the machine was off: anguan clock accept. "
        "If it is wrong: set it right."
    )


def _shown(moment: datetime) -> str:
    return f"{office_time(moment):%Y-%m-%d %H:%M}"

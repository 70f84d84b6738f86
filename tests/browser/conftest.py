"""The demonstration data behind a real socket, and a browser whose errors are recorded."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy.orm import Session

from app.cli.demo_data.fill import fill
from app.cli.setup import fill_regions
from app.core import clock
from app.db.session import db
from tests.browser.browser_console import ConsoleRecorder
from tests.conftest import System


@pytest.fixture
def demo(app: Flask, system: System, session: Session) -> Session:
    """The database after ``anguan demo``."""
    with app.app_context():
        fill_regions(db.session(), system.settings)
        fill(db.session(), system.settings, clock.now())
        db.session.remove()
    session.rollback()
    return session


@pytest.fixture
def watch(strict: Flask, demo: Session, chromium: Browser, served: str) -> Iterator[ConsoleRecorder]:
    """Windows on the demonstration, with CSRF checks; fails at the end if there was an error."""
    watch = ConsoleRecorder(chromium, served)
    yield watch
    assert not watch.complaints

"""The demonstration behind a real socket, and a browser that is listened to."""

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
    """What ``anguan demo`` leaves behind, as of now."""
    with app.app_context():
        fill_regions(db.session(), system.settings)
        fill(db.session(), system.settings, clock.now())
        db.session.remove()
    session.rollback()
    return session


@pytest.fixture
def watch(strict: Flask, demo: Session, chromium: Browser, served: str) -> Iterator[ConsoleRecorder]:
    """Windows on the demonstration, with the CSRF guard up; at the end nothing may have been complained of."""
    watch = ConsoleRecorder(chromium, served)
    yield watch
    assert not watch.complaints

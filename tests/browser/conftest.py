"""The demonstration data behind a real socket, and a browser whose errors are recorded."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy.orm import Session

from tests.browser.browser_console import ConsoleRecorder


@pytest.fixture
def watch(strict: Flask, demo: Session, chromium: Browser, served: str) -> Iterator[ConsoleRecorder]:
    """Windows on the demonstration, with CSRF checks; fails at the end if there was an error."""
    watch = ConsoleRecorder(chromium, served)
    yield watch
    assert not watch.complaints

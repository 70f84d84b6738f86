"""What is accepted, and the refusal of what is not, in English."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import Babel

from app.files.images import ImageLimits
from app.files.inspect import FileRefused, InspectedFile, inspect


def accepted(data: bytes, name: str = "scan.jpg", *, photo: bool = False) -> InspectedFile:
    return inspect(data, name, photo=photo)


def refusal(data: bytes, name: str = "scan.jpg", *, photo: bool = False, limits: ImageLimits | None = None) -> str:
    with pytest.raises(FileRefused) as caught:
        inspect(data, name, photo=photo, limits=limits or ImageLimits())
    return caught.value.code


@pytest.fixture(scope="module", autouse=True)
def language() -> Iterator[None]:
    app = Flask("sentences")
    Babel(app)
    with app.app_context():
        yield

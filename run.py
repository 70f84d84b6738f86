"""The house for a WSGI server that wants a file: ``gunicorn run:app``. ``anguan serve`` does the same with good settings."""

from app import create_app
from app.config import read_settings

app = create_app(read_settings())

"""The application for a WSGI server: ``gunicorn run:app``. ``anguan serve`` does the same with tuned settings."""

from app import create_app
from app.core.settings import read_settings
from app.web.middleware import fit_to_serve

app = create_app(fit_to_serve(read_settings()))

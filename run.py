"""The application for a WSGI server and for Flask's commands: ``gunicorn run:app``, ``flask --app run db history``.

``anguan serve`` serves it with tuned settings.
"""

from flask_migrate import Migrate

from app import create_app
from app.core.settings import read_settings
from app.db.migrate import FOLDER
from app.db.session import db
from app.web.middleware import check_settings

app = create_app(check_settings(read_settings()))
Migrate(app, db, directory=str(FOLDER))

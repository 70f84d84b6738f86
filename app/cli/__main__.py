"""``python -m app.cli`` is ``anguan``, wherever the script is not on the path."""

from app.cli.app import main

raise SystemExit(main())

"""The audit log: its lines, the hash chain over them, and signed checkpoints."""

from app.db.audit.log import HOUSE as HOUSE
from app.db.audit.log import WATCHED as WATCHED
from app.db.audit.log import keep as keep
from app.db.audit.log import note as note
from app.db.audit.log import reveal as reveal

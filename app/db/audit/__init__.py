"""The audit log: its entries, the hash chain over them, and signed checkpoints."""

from app.db.audit.log import AUDITED as AUDITED
from app.db.audit.log import SYSTEM as SYSTEM
from app.db.audit.log import log as log
from app.db.audit.log import log_many as log_many
from app.db.audit.log import log_reveal as log_reveal

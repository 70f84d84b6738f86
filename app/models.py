"""The tables, in reading order. They are declared in ``app.db.tables``; import them from here."""

from flask_appbuilder import Model as Model

from app.db.tables.applications import (
    Application as Application,
)
from app.db.tables.applications import (
    Filing as Filing,
)
from app.db.tables.applications import (
    Step as Step,
)
from app.db.tables.audit import AuditCheckpoint as AuditCheckpoint
from app.db.tables.audit import AuditEntry as AuditEntry
from app.db.tables.audit import AuditInspection as AuditInspection
from app.db.tables.audit import AuditLink as AuditLink
from app.db.tables.certificates import (
    Certificate as Certificate,
)
from app.db.tables.certificates import (
    CertificateEvent as CertificateEvent,
)
from app.db.tables.certificates import (
    CertificateVersion as CertificateVersion,
)
from app.db.tables.exams import (
    ExamNotice as ExamNotice,
)
from app.db.tables.exams import (
    ExamPass as ExamPass,
)
from app.db.tables.exams import (
    ExamSignup as ExamSignup,
)
from app.db.tables.legacy import (
    LegacyChunk as LegacyChunk,
)
from app.db.tables.legacy import (
    LegacyImport as LegacyImport,
)
from app.db.tables.legacy import (
    LegacyRecord as LegacyRecord,
)
from app.db.tables.outbox import (
    Job as Job,
)
from app.db.tables.outbox import (
    Message as Message,
)
from app.db.tables.outbox import NightlyDone as NightlyDone
from app.db.tables.outbox import (
    PublicNotice as PublicNotice,
)
from app.db.tables.outbox import (
    Worker as Worker,
)
from app.db.tables.papers import Paper as Paper
from app.db.tables.papers import PaperRule as PaperRule
from app.db.tables.parties import (
    Account as Account,
)
from app.db.tables.parties import (
    Enterprise as Enterprise,
)
from app.db.tables.parties import (
    Person as Person,
)
from app.db.tables.parties import (
    Qualification as Qualification,
)
from app.db.tables.places import Region as Region
from app.db.tables.settings import (
    CalendarDay as CalendarDay,
)
from app.db.tables.settings import NumberSequence as NumberSequence
from app.db.tables.settings import (
    Parameter as Parameter,
)
from app.db.tables.settings import (
    PastParameter as PastParameter,
)
from app.db.tables.settings import RateLimitCounter as RateLimitCounter
from app.db.tables.sign_in import (
    Challenge as Challenge,
)
from app.db.tables.sign_in import ExternalIdentity as ExternalIdentity
from app.db.tables.sign_in import (
    PastPassword as PastPassword,
)
from app.db.tables.sign_in import UserSession as UserSession

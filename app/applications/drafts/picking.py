"""What the pickers of filing forms choose from: an enterprise's certificates, or its people with a passed exam.

What is ticked already is shown on every page.
"""

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from app.core.vocabulary import ENDED, Category
from app.db.search import found
from app.eligibility.picking import PickerQuery, any_of, id_number_in, person_is
from app.models import Certificate, ExamPass, Person

# Certificates in one filing. Each has a tick, cards and their tickets on the form, which sends all of them at once.
MOST_CERTIFICATES = 1_000


def certificates_of(session: Session, enterprise_id: int, asked: PickerQuery) -> Select[int]:
    """Ids of the certificates of this enterprise that have not ended and match, in the asked order."""
    wanted = [Certificate.enterprise_id == enterprise_id, Certificate.status.not_in(ENDED)]
    if asked.category is not None:
        wanted.append(Certificate.category == asked.category)
    if number := id_number_in(asked.text):
        wanted.append(Certificate.person_id.in_(select(Person.id).where(Person.id_number_key == number)))
    elif asked.text:
        wanted.append(any_of(found(session, column, asked.text) for column in (Certificate.holder, Certificate.number)))
    first = Certificate.holder_sort if asked.by_name else Certificate.valid_to
    return select(Certificate.id).where(*wanted).order_by(first, Certificate.id)


def passes_of(session: Session, enterprise_id: int, asked: PickerQuery) -> Select[int, Category]:
    """Person and category of the exams that this enterprise's people passed and that match; those not used up first."""
    wanted = [Person.enterprise_id == enterprise_id, *person_is(session, asked.text)]
    if asked.category is not None:
        wanted.append(ExamPass.category == asked.category)
    unused = func.max(case((ExamPass.used_by_application_id.is_(None), 1), else_=0))
    pairs = select(ExamPass.person_id, ExamPass.category).join(Person, Person.id == ExamPass.person_id).where(*wanted)
    pairs = pairs.group_by(ExamPass.person_id, ExamPass.category, Person.name_sort)
    return pairs.order_by(unused.desc(), Person.name_sort, ExamPass.person_id, ExamPass.category)

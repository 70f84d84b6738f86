"""Who is who: people and enterprises of the old system, and those known already."""

from app.core.vocabulary import AccountSource
from app.models import Account, Certificate, Enterprise, ExamPass, Person
from tests import make
from tests.applications.sheet_imports.conftest import count, hand_in, only, outcomes, results, take
from tests.applications.sheet_imports.sheets import ACCOUNTS, CERTIFICATES, PASSES, USCC, row, sheet


def test_one_person_in_all_three_sheets_is_one_person_of_one_enterprise(session, means, app):
    number = make.id_number()
    take(means, ACCOUNTS, row(ACCOUNTS))
    take(means, PASSES, *(row(PASSES, id_number=number, category=category, uscc=None) for category in ("A", "B")))
    take(means, CERTIFICATES, *(row(CERTIFICATES, id_number=number, number=f"湘建安C({n})1") for n in (2016, 2018)))
    assert [count(session, model) for model in (Enterprise, Person, ExamPass, Certificate, Account)] == [1, 1, 2, 2, 1]


def test_an_id_number_under_another_name_is_refused_without_telling_that_name(session, means):
    person = make.person(name="王五")
    session.add(person)
    session.commit()
    import_id = take(
        means,
        PASSES,
        row(PASSES, id_number=person.id_number),
        row(PASSES, id_number=person.id_number, name="王五", category="A"),
    )
    assert outcomes(means, import_id) == ["refused", "added"]
    reason = results(means, import_id)[0][1]
    assert "name differs" in reason
    assert "王五" not in reason


def test_two_names_for_one_new_id_number_within_a_sheet_are_seen_by_the_dry_run_already(means):
    number = make.id_number()
    import_id = hand_in(
        means, PASSES, sheet(PASSES, row(PASSES, id_number=number), row(PASSES, id_number=number, name="王五", category="A"))
    )
    assert outcomes(means, import_id) == ["added", "refused"]


def test_who_is_employed_elsewhere_stays_there(session, means):
    theirs = make.enterprise(name="乙公司")
    person = make.person(theirs)
    session.add(person)
    session.commit()
    import_id = take(means, CERTIFICATES, row(CERTIFICATES, id_number=person.id_number))
    assert "another employer" in results(means, import_id)[0][1]
    assert (only(session, Person).enterprise_id, only(session, Certificate).enterprise.uscc) == (theirs.id, USCC)


def test_an_enterprise_that_registered_here_keeps_what_it_says_of_itself(session, means, app):
    session.add(make.enterprise(name="湘江（新名）有限公司", uscc=USCC, source=AccountSource.CLOUD))
    session.commit()
    kept = results(means, take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏")))
    assert (kept[0][0], "Kept" in kept[0][1]) == ("added", True)  # the account is new
    assert (only(session, Enterprise).name, only(session, Account).enterprise_id) == (
        "湘江（新名）有限公司",
        only(session, Enterprise).id,
    )


def test_an_enterprise_that_only_a_certificate_knew_is_completed_by_its_account(session, means, app):
    take(means, CERTIFICATES, row(CERTIFICATES))
    assert outcomes(means, take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏", region="430200"))) == ["added"]
    assert (only(session, Enterprise).contact, only(session, Enterprise).region_code) == ("周敏", "430200")

"""What an application states about the person: a transfer completes the record (R111), a replacement corrects it (R118)."""

import pytest

from app.core.office import Office
from app.core.vocabulary import Category, MatterKind, PaperKind
from app.eligibility import particulars
from app.eligibility.particulars import printed_person, stated
from tests.eligibility import test_rules
from tests.eligibility.test_rules import C1, WRONG, A, day, held

PERSON = test_rules.PERSON | {"sex": "1", "birth_date": "1985-06-15"}
TRANSFER = {"matter": MatterKind.TRANSFER}
FACE = {**PERSON, "photo": 3}


def case(*certificates, person=None, **facts):
    return test_rules.case(*certificates, person={**PERSON, **(person or {})}, **facts)


def on_photo(paper, **facts):
    return case(held(), person_papers={PaperKind.PHOTO: paper}, **facts, **WRONG)


# Rule, case, day, and the code of the refusal ("": none).
ANSWERS = (
    (particulars.corrects_something, case(held(), **WRONG), "2026-03-02", "nothing-corrected"),
    (particulars.corrects_something, case(held(), details={"name": " 李雷 "}, **WRONG), "2026-03-02", "nothing-corrected"),
    (particulars.corrects_something, case(held(), details={"name": "李蕾"}, **WRONG), "2026-03-02", ""),
    (particulars.corrects_something, case(held(), details={"id_number": "430102198506150027"}, **WRONG), "2026-03-02", ""),
    (particulars.corrects_something, case(held(), face={**PERSON, "major": "土木"}, **WRONG), "2026-03-02", ""),
    (particulars.principal_has_a_position, case(category=A), "2026-03-02", ""),
    (particulars.principal_has_a_position, case(category=A, person={"position": ""}), "2026-03-02", "no-position-to-print"),
    (particulars.principal_has_a_position, case(category=C1, person={"position": ""}), "2026-03-02", ""),
    # of a paper certificate nobody knows what else it shows: what is stated counts
    (particulars.corrects_something, case(held(), details={"sex": "2"}, **WRONG), "2026-03-02", ""),
    (
        particulars.corrects_something,
        case(held(), face=FACE, details={"sex": PERSON["sex"]}, **WRONG),
        "2026-03-02",
        "nothing-corrected",
    ),
    (
        particulars.corrects_something,
        case(held(), face={**FACE, "sex": "9"}, details={"sex": PERSON["sex"]}, **WRONG),
        "2026-03-02",
        "",
    ),
    (particulars.corrects_something, case(held(), face=FACE, details={"education": "college"}, **WRONG), "2026-03-02", ""),
    (
        particulars.corrects_something,
        on_photo(3, face=FACE, details={"wrong_photo": "yes"}),
        "2026-03-02",
        "nothing-corrected",
    ),
    (particulars.corrects_something, on_photo(4, face=FACE, details={"wrong_photo": "yes"}), "2026-03-02", ""),
    (particulars.corrects_something, on_photo(4, face=FACE), "2026-03-02", "nothing-corrected"),
    (
        particulars.corrects_something,
        case(held(), face=FACE, details={"wrong_enterprise": "yes"}, **WRONG),
        "2026-03-02",
        "nothing-corrected",
    ),
    (
        particulars.corrects_something,
        case(held(printed_enterprise="别家"), face=FACE, details={"wrong_enterprise": "yes"}, **WRONG),
        "2026-03-02",
        "",
    ),
    (
        particulars.wrong_photo_was_replaced,
        on_photo(3, face=FACE, details={"wrong_photo": "yes"}),
        "2026-03-02",
        "photo-not-replaced",
    ),
    (particulars.wrong_photo_was_replaced, on_photo(4, face=FACE, details={"wrong_photo": "yes"}), "2026-03-02", ""),
    (particulars.wrong_photo_was_replaced, on_photo(3, face=FACE), "2026-03-02", ""),
    (
        particulars.stated_sex_and_birth_follow_the_number,
        case(held(), details={"birth_date": PERSON["birth_date"]}, **WRONG),
        "2026-03-02",
        "",
    ),
    (
        particulars.stated_sex_and_birth_follow_the_number,
        case(held(), details={"birth_date": "1985-06-16"}, **WRONG),
        "2026-03-02",
        "differs-from-number",
    ),
    (
        particulars.stated_sex_and_birth_follow_the_number,
        case(held(), details={"sex": "9"}, **WRONG),
        "2026-03-02",
        "differs-from-number",
    ),
    (
        particulars.stated_position_fits_the_category,
        case(held(), details={"position": "safety_officer"}, **TRANSFER),
        "2026-03-02",
        "",
    ),
    (
        particulars.stated_position_fits_the_category,
        case(held(), details={"position": "project_manager"}, **TRANSFER),
        "2026-03-02",
        "position-does-not-fit",
    ),
    (particulars.stated_position_fits_the_category, case(held()), "2026-03-02", ""),
    (
        particulars.principal_has_a_position,
        case(held(category=A), category=A, person={"position": ""}, **TRANSFER),
        "2026-03-02",
        "no-position-to-print",
    ),
    (
        particulars.principal_has_a_position,
        case(held(category=A), category=A, person={"position": ""}, details={"position": "legal_representative"}, **TRANSFER),
        "2026-03-02",
        "",
    ),
)


@pytest.mark.parametrize(
    ("rule", "facts", "on", "answer"), ANSWERS, ids=[f"{rule.__name__}-{n}" for n, (rule, *_more) in enumerate(ANSWERS)]
)
def test_rule_at_its_boundary(rule, facts, on, answer):
    assert [refusal.code for refusal in rule(facts, day(on), Office())] == ([answer] if answer else [])


def test_only_a_transfer_and_a_correction_state_anything():
    details = {"position": "safety_officer", "name": "李磊", "note": "x"}
    assert stated(case(held(), details=details)) == {}
    assert stated(case(held(), details=details, **TRANSFER)) == {"position": "safety_officer"}
    assert stated(case(held(), details=details, **WRONG)) == {"position": "safety_officer", "name": "李磊"}


def test_what_is_stated_is_printed_and_the_rest_as_submitted():
    printed = printed_person(case(held(), details={"education": "college"}, **TRANSFER))
    assert (printed["education"], printed["name"], printed["sex"]) == ("college", PERSON["name"], PERSON["sex"])


def test_what_was_submitted_counts_whatever_the_draft_says_by_now():
    facts = case(held(), details={"education": "college"}, snapshot={"person": PERSON, "details": {}}, **TRANSFER)
    assert stated(facts) == {}


def test_the_category_after_the_replacement_counts():
    facts = case(held(category=Category.C), category=Category.C, details={"position": "legal_representative"}, **WRONG)
    codes = [refusal.code for refusal in particulars.stated_position_fits_the_category(facts, day("2026-03-02"), Office())]
    assert (codes, C1) == (["position-does-not-fit"], Category.C1)

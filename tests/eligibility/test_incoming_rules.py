"""A certificate from another province, judged on 2 March 2026."""

import inspect

import pytest

from app.core.office import Office
from app.core.vocabulary import Category, MatterKind, ReplacementReason
from app.eligibility import incoming_rules
from app.eligibility.incoming_rules import (
    brings_a_number_of_the_national_form,
    comes_from_another_province,
    comes_with_a_certificate_in_force,
)
from tests.eligibility.test_rules import case
from tests.make import TODAY
from tests.workflow_fixture import INCOMING

NUMBER, PROVINCE, TERM = brings_a_number_of_the_national_form, comes_from_another_province, comes_with_a_certificate_in_force
ANSWERS = (
    *((TERM, {"valid_to": day}, "") for day in ("2026-03-02", "2026-03-03", "2029-03-02")),
    (TERM, {"valid_to": "2026-03-01"}, "old-certificate-expired"),
    (TERM, {"valid_to": "2029-03-03"}, "term-too-long"),
    (TERM, {"first_issued_on": "2026-03-02"}, ""),
    (TERM, {"first_issued_on": "2026-03-03"}, "days-out-of-order"),
    (TERM, {"first_issued_on": "2027-05-01"}, "days-out-of-order"),
    *((PROVINCE, {"old_province": name}, "") for name in ("广东", "广东省", "湖北")),
    *(
        (PROVINCE, {"old_province": name}, "own-province")
        for name in ("湖南", "湖南省", "湘", " 湖 南 省", "430000", "４３０１００")
    ),
    (PROVINCE, {"old_number": "湘建安C1(2024)0000007"}, "own-province"),
    *((NUMBER, {"old_number": f"{place}建安C1(2024)0000007"}, "") for place in "粤京鄂黔"),
    (NUMBER, {"old_number": "粤建安C(2009)0000007"}, ""),
    *(
        (NUMBER, {"old_number": n}, "number-form")
        for n in ("1", "粤建安C1(2024)7", "粤安C1(2024)0000007", "某建安C1(2024)0000007")
    ),
    (NUMBER, {"old_number": "粤C1-7", "number_note": "2005年以前的编号"}, ""),
    *((NUMBER, {"old_number": f"粤建安{other}(2024)0000007"}, "number-category") for other in ("A", "B", "C2", "C3")),
)


@pytest.mark.parametrize(("rule", "details", "answer"), ANSWERS)
def test_what_a_certificate_of_another_province_must_be(rule, details, answer):
    facts = case(
        matter=MatterKind.REPLACEMENT, category=Category.C1, reason_code=ReplacementReason.FROM_OTHER_PROVINCE.value,
        details={**INCOMING, **details},
    )  # fmt: skip
    assert [refusal.code for refusal in rule(facts, TODAY, Office())] == ([answer] if answer else [])


def test_every_rule_is_tested_with_and_without_refusal():
    rules = [value for _name, value in inspect.getmembers(incoming_rules, inspect.isgeneratorfunction)]
    for rule in rules:
        assert {bool(answer) for one, _details, answer in ANSWERS if one is rule} == {True, False}

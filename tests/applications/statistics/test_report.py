"""The printed report: its title and number, every table, no officer's name."""

from datetime import date, timedelta

import pytest

from app.applications.statistics.report import number_of, report_of
from app.applications.statistics.summary import Period
from app.certificates.pdf import letters
from app.core.indicators import Indicator
from app.core.office import Office
from tests import make
from tests.applications.statistics.test_tables import flows, summary
from tests.certificates.pdf.test_letters import text_of


@pytest.mark.parametrize(
    ("first", "last", "number"),
    [
        ((2026, 11), (2026, 11), "2026年第11期"),
        ((2026, 10), (2026, 12), "2026年第4季度"),
        ((2026, 1), (2026, 12), "2026年度"),
        ((2026, 2), (2026, 4), "2026年2月至2026年4月"),
        ((2025, 12), (2026, 11), "2025年12月至2026年11月"),
    ],
)
def test_a_month_a_quarter_and_a_year_are_numbered_as_such(first, last, number):
    assert number_of(Period(date(*first, 1), date(*last, 1))) == number


def test_the_report_has_every_table_and_names_no_officer():
    held = {(Indicator.IN_FORCE, "430100", "A", ""): 2}
    names = {("region", "430000"): "湖南省", ("region", "430100"): "长沙市", ("account", "1"): "张三丰"}
    counted = {date(2026, 1, 1): make.NOON - timedelta(days=28), date(2026, 2, 1): make.NOON}
    found = summary(flows=flows(), work={("1", "accept"): 2}, holdings=held, names=names, counted=counted)
    page = report_of(found, Office(), date(2026, 3, 2))
    said = text_of(letters.draw(page))
    for part in ("湖南省住房和城乡建设厅", "安管人员考核发证统计报表", "2026年1月至2026年2月", "一、各事项办理情况", "长沙市",
                 "本期共收件20件，作出决定17件", "统计范围：湖南省；全部办理事项；全部人员类别。",
                 "2026年3月2日"):  # fmt: skip
        assert part in said, part
    assert "2026-03-02 12:00" in page.foot  # as the page says it: the newest count
    assert "张三丰" not in said
    assert "二、各月办理情况" in said
    assert page == report_of(found, Office(), date(2026, 3, 2))


def test_what_is_missing_is_said():
    found = summary(counted={}, holdings_at=None, names={("region", "430000"): "湖南省"})
    said = "".join(report_of(found, Office(), date(2026, 3, 2)).sentences)
    assert "以下月份尚未统计，未计入：2026年1月、2026年2月。" in said
    assert "没有在办件和证书的统计数据" in said

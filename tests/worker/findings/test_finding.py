"""A finding says its sentences, and is the same finding for as long as its kind and place are."""

from app.worker.findings.finding import Severity, SystemFinding


def test_it_says_what_is_wrong_and_what_to_do_with_its_values():
    one = SystemFinding("disk-low", "/data", {"free": "7"})
    assert one.what == "Only 7 MB are free where /data lies."
    assert one.remedy.startswith("Free space on the disk")
    assert one.as_record()["severity"] == "warning"
    assert one.severity is Severity.WARNING


def test_it_is_known_by_kind_and_place_whatever_its_values():
    assert SystemFinding("disk-low", "a", {"free": "7"}) == SystemFinding("disk-low", "a", {"free": "6"}, fix=print)
    assert SystemFinding("disk-low", "a") != SystemFinding("disk-low", "b")


def test_a_percent_sign_in_a_value_is_literal():
    assert "100%s" in SystemFinding("dead-jobs", "", {"n": "1", "why": "100%s"}).what

"""``/metrics``: who may read it, what it says, and that the processes of a server count together."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from app.backup import last_backup
from app.core.vocabulary import JobState, MessageState, Role, State
from app.db.session import db
from app.models import AuditInspection, Job, Message, OpenFinding
from tests import make
from tests.backup.test_repository import ONE

TOKEN = "a token of the monitoring system"


def figures(client, **headers) -> dict[tuple[str, ...], float]:
    """By name and the values of its labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


@pytest.fixture
def token(app, monkeypatch):
    object.__setattr__(app.extensions["anguan"], "metrics_token", TOKEN)
    yield TOKEN
    object.__setattr__(app.extensions["anguan"], "metrics_token", "")


def test_others_may_not_read_it(client, signed_in, holder, token):
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    assert client.get("/metrics", environ_base=elsewhere).status_code == 403
    assert signed_in(holder(Role.ADMIN)).get("/metrics", environ_base=elsewhere).status_code == 403
    for shown in ("Bearer x", f"Basic {TOKEN}", TOKEN, "Bearer ", f"Bearer {TOKEN}x"):
        assert client.get("/metrics", environ_base=elsewhere, headers={"Authorization": shown}).status_code == 403
    assert client.get("/metrics", environ_base=elsewhere, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_without_a_token_an_empty_one_opens_nothing(client):
    for shown in ("Bearer ", "Bearer"):
        elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
        assert client.get("/metrics", environ_base=elsewhere, headers={"Authorization": shown}).status_code == 403


def test_what_comes_through_a_proxy_that_is_not_counted_on_is_not_from_this_machine(client):
    for name in ("X-Forwarded-For", "Forwarded"):
        assert client.get("/metrics", headers={name: "203.0.113.7"}).status_code == 403
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200


def test_it_counts_requests_by_endpoint_and_status(client):
    before = figures(client).get(("anguan_requests_total", "ops.healthz", "200"), 0)
    for _time in range(3):
        client.get("/healthz")
    after = figures(client)
    assert after["anguan_requests_total", "ops.healthz", "200"] == before + 3
    assert after["anguan_request_seconds_count",] > 3


def test_it_says_what_waits_what_failed_and_what_is_wrong(client, session, app):
    person = make.person(make.enterprise())
    late = make.application(person, State.AWAITING_REVIEW)
    now = make.NOON
    session.add_all([
        late,
        Job(kind="x", key="dead", payload={}, state=JobState.DEAD, due_at=now, created_at=now, finished_at=now, fault="x"),
        Job(kind="x", key="due", payload={}, due_at=now, created_at=now),
        Message(mobile="13800000000", text="短信", state=MessageState.FAILED, due_at=now),
        AuditInspection(at=now, lines=3),
        OpenFinding(code="scanner-away", place="tcp://x:1", details={}, found_by="scanner", began_at=now),
    ])  # fmt: skip
    late.due_on = make.TODAY - timedelta(days=400)
    session.commit()
    last_backup.record(session, replace(ONE, at=now), by="worker", at=now)
    session.commit()
    found = figures(client)
    assert found["anguan_jobs", "dead"] == found["anguan_jobs", "ready"] == found["anguan_messages", "failed"] == 1
    assert found["anguan_overdue_cases", "awaiting_review"] == 1
    assert found["anguan_queue_age_seconds",] > 3600
    assert found["anguan_last_backup_timestamp_seconds",] == now.timestamp()
    assert found["anguan_audit_log_intact",] == 1
    assert found["anguan_seal_end_timestamp_seconds", "letters"] > now.timestamp()
    assert found["anguan_disk_free_bytes", "home"] > 0
    assert found["anguan_finding", "scanner-away"] == found["anguan_finding", "dead-jobs"] == 1
    assert found["anguan_findings", "error"] >= 1


def test_it_names_nobody(client, session):
    person = make.person(make.enterprise(name="湖南某某公司"), name="欧阳翠花")
    session.add(person)
    session.commit()
    text = client.get("/metrics").text
    assert not [word for word in (person.name, person.id_number, "湖南某某公司") if word in text]


def test_no_transaction_of_the_request_is_open_while_the_seal_is_asked(app, client):
    engine_uses = []
    with app.app_context():
        engine = db.engine

    def count(*_: object) -> None:
        engine_uses.append(engine.pool.checkedout())

    event.listen(engine, "checkout", count)
    client.get("/metrics")
    event.remove(engine, "checkout", count)
    assert max(engine_uses) <= 1


COUNTING = """
import os, sys
from pathlib import Path
from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from app.web import metrics
folder = Path(sys.argv[1])
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
metrics.share(folder)
requests = metrics.Requests()
for _time in range(int(sys.argv[2])):
    requests.answered.labels("x", "200").inc()
print("ready", flush=True)
sys.stdin.readline()
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry, str(folder))
print([line for line in generate_latest(registry).decode().splitlines() if "requests_total{" in line][0], flush=True)
"""


def test_the_processes_of_a_server_count_together_and_in_as_few_files_as_there_are_at_once(tmp_path):
    def process(times: int) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(tmp_path), str(times)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert started.stdout.readline() == "ready\n"
        return started

    with process(2) as first, process(3) as second:
        for one in (first, second):
            one.communicate("\n")
    with process(4) as third:  # in the place of one that has ended
        assert third.communicate("\n")[0].endswith(" 9.0\n")
    assert len(list(tmp_path.glob("counter_*.db"))) == 2

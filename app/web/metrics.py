"""``/metrics`` for a monitoring system, in the format of Prometheus. It names nobody: counts, times, states.

This machine may read it, and whoever shows ``ANGUAN_METRICS_TOKEN``. The processes of a server count their requests in
files of a common folder (``share``), so that each answers for all.
"""

import fcntl
import hmac
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from time import perf_counter
from typing import IO

from flask import Blueprint, Flask, current_app, g, request
from flask_babel import force_locale
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from werkzeug.wrappers import Response

from app.core.errors import NotAllowed
from app.db.session import db
from app.web import request_context
from app.worker.findings import Installation, Severity
from app.worker.findings.gauges import GAUGES, figures
from app.worker.findings.watch import present

monitoring = Blueprint("monitoring", __name__)
MOST_PROCESSES = 256  # of one server
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
_place: list[IO[bytes]] = []  # the locked file that keeps this process's number


class Requests:
    """What the processes of a server count."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self.answered = Counter("anguan_requests", "Requests answered", ["endpoint", "status"], registry=of)
        took = "Time until a request was answered"
        self.seconds = Histogram("anguan_request_seconds", took, buckets=BUCKETS, registry=of)


def install(app: Flask) -> None:
    """Count every request of this application."""
    app.extensions["anguan.requests"] = Requests()
    app.register_blueprint(monitoring)
    app.after_request(_count)


def share(folder: Path) -> None:
    """Count in files of this folder from now on, which the other processes of the server read.

    Each process takes the first number that no living process holds: the count of one that ended goes on in its place,
    and there are never more files than processes. Where no file can be made, the process counts for itself.
    """
    with suppress(OSError):
        number = _free_number(folder)
        values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


def _free_number(folder: Path) -> int:
    for number in range(MOST_PROCESSES):
        file = (folder / f"{number}.lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _place.append(file)  # held until the process ends
        return number
    raise OSError("more processes than numbers")


def folder_of(home: Path) -> Path:
    return home / "metrics"


def _count(answer: Response) -> Response:
    counted: Requests = current_app.extensions["anguan.requests"]
    counted.answered.labels(request.endpoint or "none", str(answer.status_code)).inc()
    if "begun" in g:
        counted.seconds.observe(perf_counter() - g.begun)
    return answer


@monitoring.get("/metrics")
def metrics() -> Response:
    """All figures. ``NotAllowed`` for whoever is neither on this machine nor shows the token."""
    _demand_reader()
    db.session.rollback()  # the seal service is asked, and may be slow
    registry = CollectorRegistry()
    if _place:
        folder = str(folder_of(request_context.settings().home))
        multiprocess.MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    else:
        registry = current_app.extensions["anguan.requests"].registry
    of_now = CollectorRegistry()
    of_now.register(_Figures())
    with force_locale("en"):
        return Response(generate_latest(registry) + generate_latest(of_now), content_type=CONTENT_TYPE_LATEST)


def _demand_reader() -> None:
    settings = request_context.settings()
    kind, _space, shown = request.headers.get("Authorization", "").partition(" ")
    if settings.metrics_token and kind == "Bearer" and hmac.compare_digest(shown.encode(), settings.metrics_token.encode()):
        return
    # A proxy that is not counted on would make everybody's address that of this machine.
    forwarded = not settings.trusted_proxies and any(name in request.headers for name in ("X-Forwarded-For", "Forwarded"))
    if forwarded or not _is_this_machine(request_context.address()):
        raise NotAllowed


def _is_this_machine(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class _Figures(Collector):
    """What is read from database, disk and seal when it is asked for."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        of = request_context.installation()
        families: dict[str, GaugeMetricFamily] = {}
        for one in figures(of):
            family = families.get(one.name)
            if family is None:
                family = families[one.name] = GaugeMetricFamily(one.name, str(GAUGES[one.name]), labels=list(one.of))
            family.add_metric(list(one.of.values()), one.value)
        yield from families.values()
        yield from _findings(of)


def _findings(of: Installation) -> Iterator[GaugeMetricFamily]:
    found = [one.finding for one in present(of)]
    by_severity = GaugeMetricFamily("anguan_findings", "What is wrong, by severity", labels=["severity"])
    for severity in Severity:
        by_severity.add_metric([severity.name.lower()], sum(one.severity is severity for one in found))
    by_code = GaugeMetricFamily("anguan_finding", "How often each kind of finding was made", labels=["code"])
    for code in sorted({one.code for one in found}):
        by_code.add_metric([code], sum(one.code == code for one in found))
    yield from (by_severity, by_code)

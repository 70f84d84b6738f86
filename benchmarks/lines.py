"""The lines of docs/performance.md that are read: lists, searches, sorts and public pages, each by its address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.core.crypto.encryption import keyring
from app.core.vocabulary import CertificateStatus, State
from app.models import Application, Certificate, Person
from benchmarks.cases import token_of
from benchmarks.client import Client, signed_in
from benchmarks.data import Built
from benchmarks.filling import CLERK
from benchmarks.load import Request, Throughput, send
from benchmarks.server import Serve, serving

TURNS = 30  # requests of one line
SECONDS = 5.0  # of one load
PEOPLE_LOOKED_UP = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """A page that somebody opens. ``peer`` is what the peer calls the same work."""

    name: str
    username: str
    path: str
    peer: str = ""
    reach: str = ""  # the target, as issue 12 words it


@dataclass(frozen=True, slots=True)
class Result:
    """One figure: of which work and line, in which unit, and the status where the page was not answered with 200."""

    work: str
    line: str
    value: float
    unit: str
    status: int = 200
    more: Mapping[str, Any] | None = None


HALF, SAME = "≤ 0.5 × peer", "≤ 1 × peer"


@dataclass(frozen=True, slots=True)
class Known:
    """Facts of the built province that the addresses name."""

    name: str  # of a person; frequent
    id_number: str
    certificate: str
    application: str
    lookups: tuple[tuple[str, str], ...]  # name and ID number
    tokens: tuple[str, ...]


def known(province: Built) -> Known:
    """What is searched for on a built province."""
    keyring.unlock(*province.settings().keys.ring)
    engine = create_engine(province.url)
    with Session(engine) as session:
        found = known_in(session, province.size.people, province.size.seed)
    engine.dispose()
    return found


def known_in(session: Session, people: int, seed: int) -> Known:
    """What is searched for: the middle of the table, so that no index's end is asked."""
    middle, step = people // 2, max(people // PEOPLE_LOOKED_UP, 1)
    person = session.get_one(Person, middle)
    certificate, application = session.get_one(Certificate, middle), session.get_one(Application, middle)
    asked = select(Person.name, Person.id_number).where(Person.id % step == 0).limit(PEOPLE_LOOKED_UP)
    pairs = tuple((row.name, row.id_number) for row in session.execute(asked))
    issued = select(Certificate.id).where(Certificate.is_electronic, Certificate.id % step == 0).limit(PEOPLE_LOOKED_UP)
    tokens = tuple(token_of(seed, key) for key in session.scalars(issued))
    return Known(person.name, person.id_number, certificate.number, application.number, pairs, tokens)


def lists(facts: Known) -> Iterator[Line]:
    """Every list, search and order of issue 12."""

    def line(label: str, who: str, path: str, peer: str = "", reach: str = HALF, **query: object) -> Line:
        return Line(label, who, f"{path}?{urlencode(query)}" if query else path, peer, reach)

    officer, clerk, exam = "reviewer", CLERK, "exam_clerk"
    revoked = CertificateStatus.REVOKED.value
    people = "/people/list/"  # only an enterprise lists people, its own
    yield line("people: first page", clerk, people, "person:first")
    yield line("people: page 2", clerk, people, "person:first", page=2)
    yield line("people: by name", clerk, people, "person:sort_unindexed(title)", sort="name")
    yield line("people: search by name", clerk, people, "person:search_name", name=facts.name)
    yield line("people: search by a name that is not there", clerk, people, "person:search_name", name="龘龘龘")
    yield line("people: search by ID number", clerk, people, "person:search_id", SAME, id_number=facts.id_number)
    certificates = "/certificates/"
    yield line("certificates: first page", officer, certificates, "certificate:first")
    yield line("certificates: page 200", officer, certificates, "certificate:p1000", page=200)
    yield line("certificates: by holder", officer, certificates, "certificate:sort_unindexed(issue)", sort="holder")
    yield line("certificates: by expiry", officer, certificates, "certificate:first", sort="valid_to")
    yield line("certificates: search by holder", officer, certificates, "certificate:search_name", holder=facts.name)
    yield line("certificates: search by number", officer, certificates, "person:search_id", SAME, number=facts.certificate)
    yield line("certificates: one status of 1 %", officer, certificates, "certificate:status=revoked(1%)", status=revoked)
    closed, waiting = "/closed/", State.AWAITING_REVIEW.value
    yield line("applications: first page", officer, closed, "application:first")
    yield line("applications: what waits", officer, "/review/", "application:status=submitted(35%)")
    yield line("applications: by due date", officer, "/review/", "application:status=submitted(35%)", sort="due_on")
    yield line("applications: search by name", officer, "/review/", "application:search_name", **{"person.name": facts.name})
    yield line("applications: search by number", officer, "/review/", "", "", number=facts.application, state=waiting)
    signups = "/exam/review/"
    yield line("sign-ups of a notice with a tenth: first page", exam, signups, "person:first", notice=1, state="admitted")
    by_name = {"notice": 1, "state": "admitted", "person.name": facts.name}
    yield line("sign-ups of a notice with a tenth: search by name", exam, signups, "person:search_name", **by_name)
    yield line("workbench of an officer", officer, "/work/", "", "CPU ≤ 15 ms")
    yield line("workbench of a clerk", clerk, "/work/", "", "CPU ≤ 15 ms")
    yield line("audit log: first page", "auditor", "/diary/list/", "", "")
    yield line("accounts: first page", "security_admin", "/appointments/list/", "", "")
    yield line("enterprises: first page", "admin", "/enterprises/list/", "", "")
    yield line("text messages: first page", "admin", "/messages/list/", "", "")


def measure_lists(province: Built, turns: int = TURNS, serve: Serve = serving) -> Iterator[Result]:
    """The median of each, and what one page costs the server in CPU time."""
    facts = known(province)
    asked = list(lists(facts))
    cookies = signed_in(province, *{line.username for line in asked})
    with serve(province) as server:
        clients = {username: Client(server.port, dict(given)) for username, given in cookies.items()}
        for line in asked:
            timing = clients[line.username].timed(server, line.path, turns)
            more = {"cpu_ms": round(timing.cpu, 1), "kb": timing.kilobytes}
            yield Result("lists", line.name, round(timing.p50, 1), "ms", timing.status, more)


def measure_public(province: Built, seconds: float = SECONDS, serve: Serve = serving) -> Iterator[Result]:
    """Requests a second and the slowest hundredth; every request comes from another address, so that nobody is refused."""
    facts = known(province)
    with serve(province, proxy=True) as server:
        for name, requests in _public(server.port, facts).items():
            send(server.port, requests, seconds=min(seconds, 1))
            before = server.cpu()
            found: Throughput = send(server.port, requests, seconds=seconds)
            spent = (server.cpu() - before) * 1000 / found.answers
            more = {"p50_ms": round(found.p50, 1), "p99_ms": round(found.p99, 1), "cpu_ms": round(spent, 2)}
            yield Result("public", name, round(found.rate, 1), "requests/s", found.status, more)


def _public(port: int, facts: Known) -> dict[str, list[Request]]:
    visitor = Client(port)
    visitor.get("/lookup")
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    form = ("Content-Type", "application/x-www-form-urlencoded")

    def address(n: int) -> tuple[str, str]:
        return ("X-Forwarded-For", f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")

    lookups = [
        Request("/lookup", "POST", (form, ("Cookie", cookie), address(n)),
                urlencode({"name": name, "number": number, "csrf_token": visitor.token}))
        for n, (name, number) in enumerate(facts.lookups)
    ]  # fmt: skip
    return {
        "lookup": lookups,
        "QR page /v/": [Request(f"/v/{quote(token)}", headers=(address(n),)) for n, token in enumerate(facts.tokens)],
        "lookup form": [Request("/lookup")],
        "front page": [Request("/")],
        "/notices": [Request("/notices")],
        "status list": [Request("/status-list")],
    }

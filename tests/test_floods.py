"""Floods of heavy work: the surplus is refused at once in words, and pages are served meanwhile."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from itertools import product

from sqlalchemy import func, select

from app.core.heavy_work import KINDS, THREADS, Asker
from app.core.vocabulary import Role
from app.models import RateLimitCounter
from app.web.auth import known_browser
from tests import hostile_files
from tests.certificates.pdf.test_seal_and_store import issued
from tests.web.form_steps import save
from tests.web.test_scan_upload import PERSON

SENTENCE = "当前使用该功能的人数较多，本次未办理，请几秒钟后再试。"
LIST = "李雷 湘建安C1(2026)0000001"


@contextmanager
def all_places_taken(*by: Asker) -> Iterator[None]:
    with ExitStack() as stack:
        for kind, who in product(KINDS, by):
            for _request in range(kind.threads):
                assert kind._present[who].acquire(blocking=False)
                stack.callback(kind._present[who].release)
        yield


def test_the_surplus_of_every_kind_is_refused_at_once_and_pages_are_served(client, session, store, signed_in, holder):
    clerk, viewer = signed_in(holder(Role.ENTERPRISE_CLERK)), signed_in(holder(Role.VIEWER))
    auditor, reviewer = signed_in(holder(Role.AUDITOR)), signed_in(holder(Role.REVIEWER))
    version = issued(session, store).id
    session.commit()

    def sign_in():
        return client.post("/login/", data={"username": "lilei", "password": "Xiangjiang-2026"})

    asked = {
        "hashing": sign_in,
        "checking": lambda: client.post("/verify-file", data={"paper": (BytesIO(b"%PDF"), "证书.pdf")}),
        "list": lambda: client.post("/lookup/list/", data={"pairs": LIST}),
        "template": lambda: client.get("/lookup/list/template.xlsx"),
        "export": lambda: auditor.post("/diary/export"),
        "export of officers": lambda: reviewer.post("/due/export"),
        "drawing": lambda: viewer.get(f"/certificates/{version}.pdf"),
        "pictures": lambda: save(
            clerk, "/people/add", PERSON | {"paper_id_card": (BytesIO(hostile_files.pdf()), "身份证.pdf")}
        ),
    }
    with all_places_taken(*Asker):
        answers = {name: ask() for name, ask in asked.items()}
        for name, answer in answers.items():
            assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5"), name
            assert SENTENCE in answer.text, name
        assert 'value="lilei"' in answers["hashing"].text  # what was typed is kept
        assert LIST in answers["list"].text
        for path in ("/", "/login/", "/lookup", "/verify-file", "/help", "/healthz"):
            assert client.get(path, follow_redirects=True).status_code == 200, path
        assert reviewer.get("/due/").status_code == 200
    kept = session.scalar(select(func.count()).where(RateLimitCounter.key.contains("sign-in")))
    assert kept == 0  # a refused sign-in was no guess
    session.rollback()
    assert sign_in().status_code == 401
    assert asked["drawing"]().data.startswith(b"%PDF")


def test_strangers_who_take_all_their_places_keep_out_strangers_only(app, client, signed_in, holder):
    reviewer = signed_in(holder(Role.REVIEWER))
    guess = {"username": "lilei", "password": "Xiangjiang-2026"}
    with app.test_request_context():
        cookie = known_browser._signer().dumps(["of somebody who has signed in"])
    with all_places_taken(Asker.STRANGER):
        assert client.get("/lookup/list/template.xlsx").status_code == 503
        assert client.post("/login/", data=guess).status_code == 503
        assert reviewer.post("/due/export").status_code == 200
        client.set_cookie("anguan-known", str(cookie), path="/login")
        assert client.post("/login/", data=guess).status_code == 401


def test_all_kinds_together_hold_few_threads():
    assert sum(kind.threads for kind in KINDS) == THREADS <= 32

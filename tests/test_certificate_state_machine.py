"""A certificate's life in any order: issued, renewed, moved, replaced, cancelled, suspended, reinstated, run out.

A plain model says beforehand what is allowed and what comes of it; system and model must agree at every step.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.applications.drafts import discard
from app.applications.nightly import end_suspensions
from app.certificates.lifecycle import extended
from app.certificates.lookup import certificate_scanned, certificates_of
from app.certificates.pdf.seal_and_store import address_of
from app.certificates.qr import payload, status_list
from app.certificates.qr.status_list import StatusMark
from app.core.clock import OFFICE_ZONE, add_months, add_years
from app.core.crypto.signing_keys import ring
from app.core.errors import Unmet
from app.core.office import Office
from app.core.vocabulary import (
    MEASURES,
    PUNISHING,
    UNDER_WAY,
    Action,
    Category,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    MeasureGround,
    Role,
    State,
)
from app.models import Application, Certificate, CertificateEvent, CertificateVersion, Person
from app.workflow import carry_out
from tests import make, measures
from tests.workflow_fixture import Firm

OFFICE = Office()
VALID, SUSPENDED = CertificateStatus.VALID, CertificateStatus.SUSPENDED
OURS = re.compile(r"湘建安A\(20\d\d\)\d{7}")
DECISIONS = ((Action.ACCEPT, Role.ACCEPTANCE_OFFICER), (Action.ENDORSE, Role.REVIEWER), (Action.APPROVE, Role.APPROVER))
OWN = (MatterKind.RENEWAL, MatterKind.REPLACEMENT, MatterKind.CANCELLATION)


@dataclass(frozen=True)
class Expected:
    """What a certificate must look like."""

    number: str
    status: CertificateStatus
    valid_to: date
    enterprise_id: int
    versions: int
    suspended_to: date | None = None

    def standing(self, on):
        """The status without expiry: a suspension is over on the day after its last, whatever the night has done."""
        return VALID if self.status is SUSPENDED and self.suspended_to < on else self.status

    def shown(self, on):
        standing = self.standing(on)
        return CertificateStatus.EXPIRED if standing is VALID and on > self.valid_to else standing


def code_of(version):
    return payload.digits_in(address_of(version, OFFICE))


class Life(RuleBasedStateMachine):
    system = None  # set by the test
    certificates = Bundle("certificates")

    @initialize()
    def begin(self):
        self.session = Session(self.system.engine, expire_on_commit=False)
        self.firm = [Firm(self.session, name=name) for name in ("甲建设有限公司", "乙建设有限公司")]
        self.people = [
            firm.person(name=name, position=make.position_for(Category.A)).id
            for firm, name in zip(self.firm, ("李雷", "韩梅梅"), strict=True)
        ]
        self.session.commit()
        self.on = make.TODAY
        self.expected: dict[int, Expected] = {}
        self.terms: dict[int, date] = {}  # suspended certificate -> last day
        self.pending: dict[int, int] = {}  # certificate -> application under way

    def teardown(self):
        if hasattr(self, "session"):
            self.session.close()
            self.system.sweep()

    # --- what happens ---------------------------------------------------------------------------------

    @rule(days=st.sampled_from([1, 30, 365]))
    def time_passes(self, days):
        self.on += timedelta(days=days)

    @rule(certificate_id=certificates, days=st.sampled_from([-100, -89, -1, 0, 1]))
    def the_end_draws_near(self, certificate_id, days):
        self.on = max(self.on, self.expected[certificate_id].valid_to + timedelta(days=days))

    @precondition(lambda self: len(self.expected) < 2 or self.on > max(one.valid_to for one in self.expected.values()))
    @rule(target=certificates, who=st.integers(0, 1))
    def issue(self, who):
        person = self.session.get(Person, self.people[who])
        firm = next(w for w in self.firm if w.enterprise.id == person.enterprise_id)
        passed = make.exam_pass(person, category=Category.A, passed_on=self.on)
        application = make.application(person, category=Category.A, enterprise=firm.enterprise)
        self.session.add_all([passed, application])
        self.session.commit()
        held = self.session.scalars(select(Certificate).where(Certificate.person_id == person.id)).all()
        in_force = any(self.expected[c.id].status in (VALID, SUSPENDED) and self.on <= c.valid_to for c in held)
        assert self._submitted(firm, application) == (not in_force)
        if in_force:
            return next(c.id for c in held)
        self._decide(application)
        certificate = self.session.get_one(Certificate, application.certificate_id)
        until = add_years(self.on, 3) - timedelta(days=1)
        self.expected[certificate.id] = Expected(certificate.number, VALID, until, firm.enterprise.id, 1)
        return certificate.id

    @rule(certificate_id=certificates, matter=st.sampled_from(OWN), at_once=st.booleans())
    def file_for_own(self, certificate_id, matter, at_once):
        was = self.expected[certificate_id]
        firm = next(w for w in self.firm if w.enterprise.id == was.enterprise_id)
        self._file(certificate_id, firm, matter, self._may(certificate_id, matter), at_once)

    @rule(certificate_id=certificates, at_once=st.booleans())
    def file_for_transfer(self, certificate_id, at_once):
        was = self.expected[certificate_id]
        other = next(w for w in self.firm if w.enterprise.id != was.enterprise_id)
        self._file(certificate_id, other, MatterKind.TRANSFER, self._may(certificate_id, MatterKind.TRANSFER), at_once)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def decide_what_is_under_way(self, data):
        certificate_id = data.draw(st.sampled_from(sorted(self.pending)))
        application = self.session.get_one(Application, self.pending.pop(certificate_id))
        firm = next(w for w in self.firm if w.enterprise.id == application.enterprise_id)
        if self.expected[certificate_id].standing(self.on) is VALID:
            self._decide(application)
            self._happened(certificate_id, application.matter, firm)
            return
        if application.state is State.AWAITING_ACCEPTANCE:
            assert not self._do(application, Action.ACCEPT, make.officer(Role.ACCEPTANCE_OFFICER))
        for action in (Action.WITHDRAW, Action.ABANDON):
            assert self._do(application, action, make.clerk(firm.enterprise))

    @rule(
        certificate_id=certificates,
        kind=st.sampled_from(MEASURES),
        sure=st.integers(0, 2),
        days=st.sampled_from([0, 30, 365]),
    )
    def the_office_takes_a_measure(self, certificate_id, kind, sure, days):
        if kind in PUNISHING and sure:
            return  # keep final states rare
        was = self.expected[certificate_id]
        shown = was.shown(self.on)
        target = {
            CertificateEventKind.SUSPENDED: {VALID: SUSPENDED},
            CertificateEventKind.REINSTATED: {SUSPENDED: VALID},
            CertificateEventKind.WITHDRAWN: dict.fromkeys((VALID, SUSPENDED), CertificateStatus.WITHDRAWN),
            CertificateEventKind.REVOKED: dict.fromkeys(
                (VALID, SUSPENDED, CertificateStatus.EXPIRED), CertificateStatus.REVOKED
            ),
        }[kind].get(shown)
        certificate = self.session.get_one(Certificate, certificate_id)
        facts = {"at": self._noon(), "office": OFFICE}
        if kind is CertificateEventKind.SUSPENDED:
            facts["last_day"] = self.on + timedelta(days=days)
        if kind is CertificateEventKind.REVOKED:
            facts["ground"] = MeasureGround.OFFICIAL_FAULT  # without a ban, so that the person may apply again
        if target is None:
            with pytest.raises(Unmet):
                measures.propose(self.session, certificate, kind, **facts)
            self.session.rollback()
            return
        measures.impose(self.session, certificate, kind, **facts)
        self.expected[certificate_id] = replace(was, status=target, suspended_to=facts.get("last_day"))
        self.terms.pop(certificate_id, None)
        if kind is CertificateEventKind.SUSPENDED:
            self.terms[certificate_id] = facts["last_day"]

    @rule()
    def a_night_passes(self):
        end_suspensions(self.session, self.on, OFFICE, at=self._noon())
        self.session.commit()
        for certificate_id, last_day in list(self.terms.items()):
            if last_day < self.on:
                if self.expected[certificate_id].status is SUSPENDED:
                    self.expected[certificate_id] = replace(self.expected[certificate_id], status=VALID)
                del self.terms[certificate_id]

    # --- what must be true ----------------------------------------------------------------------------

    @invariant()
    def every_certificate_is_as_expected(self):
        if not hasattr(self, "session"):
            return
        rows = self.session.execute(
            select(Certificate.id, Certificate.number, Certificate.status, Certificate.valid_to, Certificate.enterprise_id)
        )
        found = {row.id: (row.number, row.status, row.valid_to, row.enterprise_id) for row in rows}
        assert found == {i: (e.number, e.status, e.valid_to, e.enterprise_id) for i, e in self.expected.items()}
        assert all(OURS.fullmatch(number) for number, *_ in found.values())

    @invariant()
    def there_is_one_current_version_and_no_gap(self):
        if not hasattr(self, "session"):
            return
        for certificate_id, expected in self.expected.items():
            versions = self.session.execute(
                select(CertificateVersion.version, CertificateVersion.replaced_at)
                .where(CertificateVersion.certificate_id == certificate_id)
                .order_by(CertificateVersion.version)
            ).all()
            assert [row.version for row in versions] == list(range(1, expected.versions + 1))
            assert [row.replaced_at is None for row in versions] == [False] * (expected.versions - 1) + [True]

    @invariant()
    def no_certificate_has_two_matters_under_way(self):
        if hasattr(self, "session"):
            counted = self.session.execute(
                select(Application.certificate_id, func.count())
                .where(Application.state.in_(UNDER_WAY), Application.certificate_id.is_not(None))
                .group_by(Application.certificate_id)
            )
            assert dict(map(tuple, counted)) == dict.fromkeys(self.pending, 1)

    @invariant()
    def lookup_and_every_qr_code_tell_the_truth(self):
        if not hasattr(self, "session"):
            return
        names = {w.enterprise.id: w.enterprise.name for w in self.firm}
        for certificate_id, expected in self.expected.items():
            truth = (expected.number, expected.shown(self.on), expected.valid_to, names[expected.enterprise_id])
            certificate = self.session.get_one(Certificate, certificate_id)
            found = certificates_of(self.session, certificate.holder, certificate.number, on=self.on)
            assert truth in [(one.number, one.status, one.valid_to, one.enterprise) for one in found]
            for version in self._versions(certificate_id):
                for scan in (version.token, code_of(version)):
                    scanned = certificate_scanned(self.session, scan, on=self.on)
                    one = scanned.certificate
                    assert (one.number, one.status, one.valid_to, one.enterprise) == truth
                    assert scanned.is_outdated == (version.version < expected.versions)

    @invariant()
    def the_offline_check_tells_the_truth_as_well(self):
        """Every QR code against the status list of the day: ended, updated, suspended, or valid."""
        if not hasattr(self, "session") or not self.expected:
            return
        token = status_list.sign_list(
            status_list.pack_entries(self.session, on=self.on), ring.newest, uri="-", at=self._noon(), hours=72
        )
        listed = status_list.opened(token, ring.public)
        for certificate_id, expected in self.expected.items():
            for version in self._versions(certificate_id):
                claims = payload.read(code_of(version), ring.public)
                assert (claims.certificate_id, claims.version) == (certificate_id, version.version)
                assert claims.number == expected.number
                assert listed.mark(claims.status_index) is self._mark(expected, version.version)
                if version.version == expected.versions:
                    assert claims.valid_to == expected.valid_to

    def _mark(self, expected, version):
        if expected.status not in (VALID, SUSPENDED):
            return StatusMark.ENDED
        if version < expected.versions:
            return StatusMark.UPDATED
        return StatusMark.SUSPENDED if expected.standing(self.on) is SUSPENDED else StatusMark.VALID

    @invariant()
    def every_version_has_its_own_status_index_and_identifier(self):
        if not hasattr(self, "session"):
            return
        versions = self.session.scalars(select(CertificateVersion)).all()
        assert len({v.status_index for v in versions} - {None}) == len(versions)
        assert len({v.face["licence_identifier"] for v in versions}) == len(versions)
        before = {(v.certificate_id, v.version + 1): v.face["licence_identifier"] for v in versions}
        for v in versions:
            assert v.face["previous_identifier"] == before.get((v.certificate_id, v.version), "")
            assert v.face["licence_identifier"].split(".")[-2] == f"{v.version:03d}"

    @invariant()
    def history_ends_with_the_present(self):
        if not hasattr(self, "session"):
            return
        for certificate_id, expected in self.expected.items():
            last = self.session.scalars(
                select(CertificateEvent.status)
                .where(CertificateEvent.certificate_id == certificate_id)
                .order_by(CertificateEvent.id.desc())
                .limit(1)
            ).one()
            assert last is expected.status

    # --- how it is done -------------------------------------------------------------------------------

    def _may(self, certificate_id, matter):
        was = self.expected[certificate_id]
        if was.standing(self.on) is not VALID or certificate_id in self.pending:
            return False
        if matter is MatterKind.CANCELLATION:
            return True
        person = self.session.get_one(Certificate, certificate_id).person
        at_home = matter is MatterKind.TRANSFER or person.enterprise_id == was.enterprise_id
        opens = add_months(was.valid_to, -3) if matter is MatterKind.RENEWAL else date.min
        return at_home and opens <= self.on <= was.valid_to

    def _file(self, certificate_id, firm, matter, may, at_once):
        if certificate_id in self.pending and matter is not MatterKind.TRANSFER:
            return  # the database refuses a second draft of the same enterprise: see test_claims
        if certificate_id in self.pending and self._filer_of(certificate_id) == firm.enterprise.id:
            return
        certificate = self.session.get_one(Certificate, certificate_id)
        application = firm.on(certificate, matter)
        assert self._submitted(firm, application) == may
        if not may:
            return
        if matter is MatterKind.TRANSFER:
            old = next(w for w in self.firm if w is not firm)
            assert self._do(application, Action.RELEASE, make.clerk(old.enterprise))
        self.pending[certificate_id] = application.id
        if at_once:
            del self.pending[certificate_id]
            self._decide(application)
            self._happened(certificate_id, matter, firm)

    def _filer_of(self, certificate_id):
        return self.session.get_one(Application, self.pending[certificate_id]).enterprise_id

    def _happened(self, certificate_id, matter, firm):
        was = self.expected[certificate_id]
        if matter is MatterKind.CANCELLATION:
            self.expected[certificate_id] = replace(was, status=CertificateStatus.CANCELLED)
            return
        now = replace(was, status=VALID, versions=was.versions + 1, enterprise_id=firm.enterprise.id)
        if matter is MatterKind.RENEWAL:
            now = replace(now, valid_to=extended(was.valid_to, 3))
        self.expected[certificate_id] = now

    def _submitted(self, firm, application):
        """True if it went through; what did not is deleted again."""
        if self._do(application, Action.SUBMIT, make.clerk(firm.enterprise)):
            return True
        discard(self.session, [application.id], make.clerk(firm.enterprise))
        self.session.commit()
        return False

    def _decide(self, application):
        for action, role in DECISIONS:
            assert self._do(application, action, make.officer(role)), action

    def _do(self, application, action, actor):
        planned = carry_out(self.session, [application.id], action, actor, at=self._noon(), office=OFFICE)
        self.session.commit()
        return bool(planned.passes)

    def _versions(self, certificate_id):
        return self.session.scalars(
            select(CertificateVersion).where(CertificateVersion.certificate_id == certificate_id)
        ).all()

    def _noon(self):
        return datetime(self.on.year, self.on.month, self.on.day, 12, tzinfo=OFFICE_ZONE)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_certificate_s_life_in_any_order(system):
    bounds = settings(
        max_examples=30,
        stateful_step_count=25,
        derandomize=True,
        phases=[Phase.generate],  # twenty steps can be read; making them fewer takes minutes
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(type("OneLife", (Life,), {"system": system}), settings=bounds)

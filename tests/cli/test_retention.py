"""Scans are removed by command, after a dry run."""

from sqlalchemy import select

from app.cli.app import main
from app.core.vocabulary import AuditAction
from app.models import AuditEntry
from tests.applications.retention_steps import DAY, OLD

pytest_plugins = ("tests.applications.retention_steps",)  # its fixtures


def test_the_command_says_what_it_would_do_and_then_does_it(system, session, scan, person, store, monkeypatch, capsys):
    (system.settings.home / "keys.json").write_text(system.settings.keys.dump())
    monkeypatch.setenv("ANGUAN_HOME", str(system.settings.home))
    monkeypatch.setenv("DATABASE_URL", system.settings.database_url)
    gone = scan(person_id=person.id, replaced_at=OLD + DAY)
    session.rollback()
    assert main(["retention", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("1 scans, 1000 bytes: replaced")
    assert store.has(gone.digest)
    assert main(["retention"]) == 0
    assert "1 scans were removed." in capsys.readouterr().out
    assert not store.has(gone.digest)
    actors = session.scalars(
        select(AuditEntry.actor).where(AuditEntry.table == "paper", AuditEntry.deed == AuditAction.DELETE)
    )
    assert [actor.startswith("anguan retention") for actor in actors] == [True]

"""Links to the letters of an application, from the moment that its step is taken."""

from flask import url_for

from app.applications.letters.case_letters import has_letter, title_of
from app.core.vocabulary import State
from app.models import Application
from app.web.base import Link


def letter_links(case: Application) -> list[Link]:
    """One for each letter, the newest first; opening it issues it, if the worker has not come to it yet."""
    if case.state is State.DRAFT:  # withdrawn: it has no archive until it is submitted again
        return []
    return [
        Link(
            title_of(case, step),
            url_for("ArchiveView.letter", application_id=case.id, part=f"letter-{step.id}"),
            icon="file-text",
            external=True,
        )
        for step in reversed(case.steps)
        if has_letter(step)
    ]

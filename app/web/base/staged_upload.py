"""Upload, preview, confirm: carries what a user was shown to the request that confirms it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from flask import request
from flask_babel import lazy_gettext as _
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.applications import scan_retention
from app.core.errors import FilesAway, Stale
from app.db.session import db, read_only
from app.files.storage import FileMissing
from app.web import request_context


class StagedFile(NamedTuple):
    digest: str
    data: bytes
    note: Any


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """Signed tickets of one use (``salt``), valid for ``minutes``: the content is in the ticket, or a file in the store.

    A ticket of ``issue`` or ``stage`` can be redeemed only by the user who got it, in the same enterprise and region and with
    the same ``purpose``; content, note and purpose must survive JSON. An expired or foreign ticket, or one whose file has
    been removed, raises ``Stale`` with the sentence ``expired``.
    """

    salt: str
    minutes: int = 60
    expired: object = _("The check of this sheet has expired. Please choose the file again and check it once more.")
    field: str = "ticket"  # of the form

    def sign(self, content: object) -> str:
        """A ticket for anybody."""
        return str(self._signer().dumps(content))

    def open(self, ticket: str) -> Any:
        try:
            return self._signer().loads(ticket, max_age=self.minutes * 60)
        except BadSignature:
            raise Stale(self.expired) from None

    def issue(self, content: object, *purpose: object) -> str:
        return self.sign([content, *_holder(), *purpose])

    def redeem(self, *purpose: object, field: str = "") -> Any:
        """The content of the ticket that the current user sent in the form, in another ``field`` if one is named."""
        content, *bound = self.open(request.form.get(field or self.field, ""))
        if bound != [*_holder(), *purpose]:
            raise Stale(self.expired)
        return content

    def stage(self, data: bytes, *purpose: object, note: object = None) -> str:
        """Stores the file. What is never confirmed is removed by the nightly sweep of the store.

        To be called before anything is written, or after the commit: it ends the transaction, as the store may be slow.
        """
        db.session.rollback()
        return self.issue([request_context.store().put(data), note], *purpose)

    def staged(self, *purpose: object) -> StagedFile:
        """The file that was staged. Ends the transaction, as ``stage`` does."""
        digest, note = self.redeem(*purpose)
        db.session.rollback()
        try:
            return StagedFile(digest, request_context.store().read(digest), note)
        except FileMissing:
            raise Stale(self.expired) from None

    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(request_context.settings().keys.session, salt=self.salt)


def _holder() -> list[object]:
    actor = request_context.current_actor()
    return [actor.id, actor.enterprise_id, actor.region]


def remove(file: StagedFile) -> None:
    """After the confirmation: the sheet names people, so it does not wait for the sweep."""
    remove_object(file.digest)


def remove_object(digest: str) -> None:
    """Remove an object at once, unless some row names it: equal bytes are one object, whoever stored them.

    Called after the commit; ends the transaction. While the object store is away, it is left to the nightly sweep.
    """
    with read_only():
        unnamed = scan_retention.unnamed(db.session(), [digest])
        db.session.rollback()  # the store is not waited for in a transaction
    with suppress(FilesAway):
        for one in unnamed:
            request_context.store().remove(one, request_context.now() + timedelta(days=1))

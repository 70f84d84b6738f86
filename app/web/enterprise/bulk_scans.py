"""批量上传扫描件: many files at once, matched by their names, shown as people by papers, and confirmed.

Works without script: several files, a folder or a ZIP in one form. Script sends each file by itself and asks before which are
here already. Nothing is anybody's paper before it is confirmed.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO

from flask import flash, jsonify, redirect, request, send_file, url_for
from flask_babel import gettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from app.applications.bulk_scans import confirming, judging, waiting
from app.applications.bulk_scans.names import EXAMPLES, Roster
from app.core.errors import AppError, NotFound, Stale
from app.core.identifiers import BadNumber, name_key, parse_id_number
from app.core.scan_vocabulary import ScanSide
from app.core.vocabulary import PERSON_PAPERS, PaperKind
from app.db.session import db
from app.files.images import thumbnail
from app.files.inspect import SCAN_NAMES, FileRefused
from app.models import Person, WaitingScan
from app.web import request_context
from app.web.base.access_filter import ROW
from app.web.base.error_pages import wants_json
from app.web.base.fab import BaseView, permission_name, route
from app.web.base.file_response import file_answer, secured
from app.web.base.staged_upload import remove_object
from app.web.enterprise.scan_board import board, judged_now
from app.web.enterprise.scan_pile import ARCHIVE_NAME, Outcome, Sent, Unpacked, is_archive, take, unpack_first, unpack_more

SMALL = 160  # pixels across
CONFIRMED_AT_ONCE = 100  # papers: some seconds, as front and back are put together
MOST_ASKED = 1_000  # digests of one question
CHOSEN = "="  # before the id of somebody who was chosen from several


class BulkScanView(BaseView):
    route_base = "/people/scans"
    default_view = "home"
    class_permission_name = "BulkScans"

    @route("/")
    def home(self) -> Response:
        return self._page()

    @route("/receive", "POST")
    @permission_name("home")
    def receive(self) -> Response:
        """Files of a form, or one file sent by script, which is answered in JSON."""
        sent = [file for file in request.files.getlist("files") if file.filename]
        single = [file for file in sent if not is_archive(str(file.filename))]
        outcomes = take(Sent(str(file.filename), file.stream.read()) for file in single)
        archives = []
        for file in sent:
            if is_archive(str(file.filename)):
                unpacked = _unpacked(file)
                if isinstance(unpacked, Unpacked):
                    archives.append(unpacked)
                else:
                    outcomes.append(unpacked)
        return self._answer(outcomes, archives)

    @route("/unpack", "POST")
    @permission_name("home")
    def unpack(self) -> Response:
        """The next files of an archive."""
        try:
            return self._answer([], [unpack_more()])
        except (Stale, FileRefused) as error:
            return self._answer([Outcome("", "refused", str(error))], [])

    @route("/known", "POST")
    @permission_name("home")
    def known(self) -> Response:
        """Which of these files are here already: what was interrupted goes on with the others."""
        asked = request.form.getlist("source")[:MOST_ASKED]
        at, office = request_context.now(), request_context.current_office()
        here = waiting.known(db.session(), request_context.current_actor(), asked, at=at, office=office)
        return jsonify(known=sorted(here))

    @route(f"/{ROW}scan_id>")
    @permission_name("home")
    def open(self, scan_id: int) -> Response:
        """A file that waits, for the account that sent it."""
        row = _own(scan_id)
        digest, mime, name = row.digest, row.mime, row.filename
        db.session.rollback()
        return file_answer(request_context.store().read(digest), mime, name)

    @route(f"/{ROW}scan_id>/small")
    @permission_name("home")
    def small(self, scan_id: int) -> Response:
        row = _own(scan_id)
        digest, mime = row.digest, row.mime
        db.session.rollback()
        drawn = thumbnail(request_context.store().read(digest), mime, SMALL)
        if drawn is None:
            raise NotFound
        return secured(send_file(BytesIO(drawn), "image/jpeg", etag=False))

    @route("/settle", "POST")
    @permission_name("home")
    def settle(self) -> Response:
        """What the clerk has chosen for the files listed; or ``discard``, the one file that is to go."""
        session, actor = db.session(), request_context.current_actor()
        if gone := request.form.get("discard", ""):
            request_context.begin_writing()
            row = _own(_number(gone))
            digests = filter(None, (row.digest, row.portrait_digest))
            waiting.discard(session, actor, row)
            session.commit()
            for digest in digests:
                remove_object(digest)
            flash(gettext("The file was discarded."), "success")
            return redirect(url_for(".home"), 303)
        faults: dict[int, str] = {}
        settled = gone_meanwhile = 0
        for scan_id in map(_number, request.form.getlist("scan")):
            try:
                settled += _settle(scan_id)
            except NotFound:  # confirmed or discarded elsewhere, or replaced by another picture of the telephone
                session.rollback()
                gone_meanwhile += 1
            except AppError as error:
                session.rollback()
                faults[scan_id] = str(error)
        if gone_meanwhile and not (settled or faults):
            raise NotFound
        if gone_meanwhile:
            flash(gettext("%(n)s of these files are no longer here; look at those that are.", n=gone_meanwhile), "warning")
        if settled:
            flash(gettext("%(n)s files were given to whom you chose.", n=settled), "success")
        return self._page(faults=faults) if faults else redirect(url_for(".home"), 303)

    @route("/confirm", "POST")
    @permission_name("home")
    def confirm(self) -> Response:
        """The ticked papers become papers of their people, each by itself."""
        ticked = dict.fromkeys(request.form.getlist("ready"))
        _scans, _people, judged = judged_now(db.session(), request_context.current_actor(), request_context.current_office())
        ready = {one.key: one for one in judged.ready if one.key in ticked}
        db.session.rollback()
        chosen = list(ready.values())[:CONFIRMED_AT_ONCE]
        outcomes = _confirmed(chosen)
        done = sum(1 for one in outcomes if one.state == "given")
        if done:
            flash(gettext("%(n)s scans are now with the people they belong to.", n=done), "success")
        if later := len(ready) - len(chosen):
            flash(gettext("%(n)s more are still to be confirmed: please press the button again.", n=later), "info")
        if moved := len(ticked) - len(ready):
            flash(gettext("%(n)s have been changed or confirmed in the meantime.", n=moved), "warning")
        refused = [one for one in outcomes if one.state == "refused"]
        return self._page(outcomes=refused) if refused else redirect(url_for(".home"), 303)

    def _answer(self, outcomes: Sequence[Outcome], archives: Sequence[Unpacked]) -> Response:
        every = [*outcomes, *(one for archive in archives for one in archive.outcomes)]
        if wants_json():
            more = [archive._replace(outcomes=())._asdict() for archive in archives]
            return jsonify(outcomes=[one._asdict() for one in every], archives=more)
        return self._page(outcomes=every, archives=archives)

    def _page(
        self, outcomes: Sequence[Outcome] = (), archives: Sequence[Unpacked] = (), faults: Mapping[int, str] | None = None
    ) -> Response:
        page, change = _number(request.args.get("page", "")), {_number(request.args.get("change", "")), *(faults or {})}
        office = request_context.current_office()
        failed = bool(faults) or any(one.state == "refused" for one in outcomes)
        return self.rendered(
            "enterprise/bulk_scans.html",
            422 if failed else 200,
            title=gettext("Hand in many scans"),
            crumbs=[(gettext("People"), url_for("PersonScreen.list"))],
            board=board(db.session(), request_context.current_actor(), office, page=page, change=change),
            outcomes=outcomes,
            archives=[archive for archive in archives if archive.ticket],
            faults=faults or {},
            accept=",".join((*SCAN_NAMES, ARCHIVE_NAME)),
            examples=EXAMPLES,
            papers=PERSON_PAPERS,
            sides=tuple(ScanSide),
            typed=request.form,
            chosen=CHOSEN,
        )


def _number(text: str) -> int:
    """0 for what is no id of a row."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _own(scan_id: int) -> WaitingScan:
    at, office = request_context.now(), request_context.current_office()
    return waiting.get(db.session(), request_context.current_actor(), scan_id, at=at, office=office)


def _unpacked(file: FileStorage) -> Unpacked | Outcome:
    try:
        return unpack_first(str(file.filename), file.stream.read())
    except FileRefused as error:
        return Outcome(str(file.filename), "refused", str(error))


def _settle(scan_id: int) -> bool:
    """Whether something was chosen for this file. Commits; the portrait is checked before anything is written."""
    session, actor, office = db.session(), request_context.current_actor(), request_context.current_office()
    who, code, side_code = (request.form.get(f"{name}-{scan_id}", "").strip() for name in ("person", "kind", "side"))
    row = _own(scan_id)
    if (who, code, side_code or row.side.value) == _as_shown(row):
        return False
    person_id = _chosen_person(who, waiting.roster(session, actor, [who]))
    kind = next((kind for kind in PERSON_PAPERS if kind.value == code), None)
    if kind is None:
        raise AppError(gettext("Please choose which paper it is."))
    side = next((side for side in ScanSide if side.value == side_code), ScanSide.WHOLE)
    session.expunge(row)
    session.rollback()
    as_photo = kind is PaperKind.PHOTO
    portrait = confirming.portrait(request_context.store(), row, office) if as_photo else None
    request_context.begin_writing()
    waiting.settle(session, actor, _own(scan_id), person_id, kind, side, portrait)
    session.commit()
    return True


def _as_shown(row: WaitingScan) -> tuple[str, str, str]:
    """What the fields of a file hold before anything is chosen."""
    person = db.session().get(Person, row.person_id) if row.person_id else None
    is_mine = person is not None and person.enterprise_id == row.enterprise_id
    return person.name if person and is_mine else "", row.kind.value if row.kind else "", row.side.value


def _chosen_person(who: str, roster: Roster) -> int:
    """By the choice from several, a whole ID number, or a name that one person has."""
    if who.startswith(CHOSEN):
        return _number(who.removeprefix(CHOSEN))
    people = roster.by_name.get(name_key(who), ())
    if len(people) > 1:
        raise AppError(gettext("Several people on your list are called %(name)s. Please type the ID number.", name=who[:50]))
    try:
        found = next(iter(people), None) or roster.by_number.get(parse_id_number(who))
    except BadNumber:
        found = None
    if found is None:
        raise AppError(gettext("Nobody on your list has this name or ID number. Please type the whole name."))
    return found


def _confirmed(chosen: Sequence[judging.Ready]) -> list[Outcome]:
    """First the bytes of all, then each paper in a transaction of its own."""
    session, actor, office = db.session(), request_context.current_actor(), request_context.current_office()
    store, at, outcomes, prepared = request_context.store(), request_context.office_now(), [], []
    for ready in chosen:
        try:
            prepared.append((ready, confirming.prepare(store, ready, office)))
        except AppError as error:
            outcomes.append(Outcome(ready.scans[0].path, "refused", str(error)))
    request_context.begin_writing()
    for ready, scan in prepared:
        try:
            confirming.confirm(session, actor, ready, scan, at=at)
            session.commit()
            outcomes.append(Outcome(ready.scans[0].path, "given", ""))
        except AppError as error:
            session.rollback()
            outcomes.append(Outcome(ready.scans[0].path, "refused", str(error)))
    return outcomes

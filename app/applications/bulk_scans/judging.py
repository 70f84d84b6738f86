"""Which waiting files are ready to become papers, and why the others are not. Pure, over the rows of one account."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from flask_babel import lazy_gettext as _

from app.core.scan_vocabulary import ScanSide
from app.core.vocabulary import PaperKind
from app.models import WaitingScan

PICTURE = "image/jpeg"
GONE = _("This person is no longer on your list.")
TWICE = _("Several files are the same paper of the same person. Please keep one and discard the others.")
FRONT_ALONE = _("Only the front has come; the back is missing. If this file shows both sides, choose “Whole paper”.")
BACK_ALONE = _("Only the back has come; the front is missing. If this file shows both sides, choose “Whole paper”.")
NO_PICTURES = _("Front and back are put together only if both are pictures. Please hand in one file with both sides.")


class Ready(NamedTuple):
    """The files of one paper of one person: one file, or its front and back."""

    person_id: int
    kind: PaperKind
    scans: tuple[WaitingScan, ...]

    @property
    def key(self) -> str:
        """The paper and exactly these files, as a page sends them back."""
        return "-".join(map(str, (self.person_id, self.kind.value, *(scan.id for scan in self.scans))))


class Judged(NamedTuple):
    ready: Sequence[Ready]
    doubtful: Mapping[int, object]  # id of a waiting file -> the sentence why


def judge(scans: Iterable[WaitingScan], on_list: Set[int]) -> Judged:
    """``on_list``: the people who are on the clerk's list at present."""
    doubtful: dict[int, object] = {}
    papers: dict[tuple[int, PaperKind], list[WaitingScan]] = defaultdict(list)
    for scan in scans:
        if scan.doubt is not None:
            doubtful[scan.id] = scan.doubt.label
        elif scan.person_id is None or scan.kind is None or scan.person_id not in on_list:
            doubtful[scan.id] = GONE
        else:
            papers[scan.person_id, scan.kind].append(scan)
    ready = []
    for (person_id, kind), files in papers.items():
        files.sort(key=lambda scan: scan.side is ScanSide.BACK)
        if fault := _fault(files):
            doubtful |= {scan.id: fault for scan in files}
        else:
            ready.append(Ready(person_id, kind, tuple(files)))
    return Judged(ready, doubtful)


def _fault(files: Sequence[WaitingScan]) -> object:
    sides = [scan.side for scan in files]
    if sides == [ScanSide.FRONT, ScanSide.BACK]:
        return "" if all(scan.mime == PICTURE for scan in files) else NO_PICTURES
    if len(files) > 1:
        return TWICE
    return {ScanSide.WHOLE: "", ScanSide.FRONT: FRONT_ALONE, ScanSide.BACK: BACK_ALONE}[sides[0]]

"""What the name of a scan says: whose it is, which paper, which side. Pure: knows no database.

A file is given to somebody only by a whole ID number or a whole name that one person on the list has. Everything else is a
doubt with its reason, and left to the clerk. Folders supply what the file name does not say.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from app.core.identifiers import PROVINCES, BadNumber, fold, name_key, parse_id_number, visible
from app.core.scan_vocabulary import ScanDoubt, ScanSide
from app.core.vocabulary import PERSON_PAPERS, PaperKind
from app.files.inspect import KNOWN_ENDINGS

# The one list of what papers are called in file names.
PAPER_WORDS: Mapping[PaperKind, tuple[str, ...]] = {
    PaperKind.PHOTO: (
        *("照片", "个人照片", "近期照片", "证件照", "证件照片", "一寸照", "一寸照片", "1寸照", "1寸照片", "二寸照", "2寸照"),
        *("寸照", "免冠照", "免冠照片", "登记照", "头像", "PHOTO"),
    ),
    PaperKind.ID_CARD: ("身份证", "居民身份证", "身份证件", "二代证", "SFZ", "IDCARD", "ID CARD"),
    PaperKind.EDUCATION: (
        *("学历", "学历证", "学历证书", "学历证明", "毕业证", "毕业证书", "学历备案表", "学历认证"),
        "教育部学历证书电子注册备案表",
    ),
    PaperKind.TITLE: (
        *("职称", "职称证", "职称证书", "技术职称", "技术职称证书", "专业技术职称", "专业技术资格证书", "工程师证"),
        *("工程师证书", "高级工程师证", "高级工程师证书", "助理工程师证", "助理工程师证书", "技术员证"),
    ),
    PaperKind.REGISTRATION: (
        *("注册证", "注册证书", "执业注册证", "执业资格注册证书", "建造师", "建造师证", "建造师证书", "注册建造师"),
        *("注册建造师证", "注册建造师证书", "建造师注册证", "建造师注册证书", "一级建造师证", "二级建造师证"),
    ),
    PaperKind.PLEDGE: ("承诺书", "诚信承诺书", "企业诚信承诺书"),
    PaperKind.QUALIFICATION: ("资质证", "资质证书", "企业资质证书"),
    PaperKind.OLD_CERTIFICATE: ("安全生产考核合格证", "安全生产考核合格证书", "安考证", "安管证", "三类人员证", "证书原件"),
    PaperKind.CONTINUING_EDUCATION: ("继续教育", "继续教育证明", "继续教育合格证明"),
    PaperKind.END_OF_EMPLOYMENT: ("解除劳动合同证明", "解除劳动关系证明", "离职证明"),
    PaperKind.EMPLOYMENT_CONTRACT: ("劳动合同", "聘用合同"),
    PaperKind.TRANSFER_PROOF: ("转出证明", "调出证明"),
    PaperKind.LOSS_STATEMENT: ("遗失声明", "登报声明"),
    PaperKind.RENAMING_APPROVAL: ("更名核准", "名称变更核准", "企业更名证明"),
    PaperKind.DISMISSAL_PROOF: ("注销申请", "免职证明", "免职文件"),
}
SIDE_WORDS: Mapping[ScanSide, tuple[str, ...]] = {
    ScanSide.WHOLE: ("正反面", "正反两面", "双面", "正反"),
    ScanSide.FRONT: ("正面", "人像面", "头像面", "FRONT"),
    ScanSide.BACK: ("反面", "背面", "国徽面", "BACK"),
}
# Said of the copy, of the number or of the person, and of no use for finding either.
OTHER_WORDS = (
    *("扫描件", "复印件", "原件", "电子版", "彩色", "副本", "COPY", "身份证号码", "身份证号", "姓名", "新版", "最新", "盖章"),
    *("安全员", "专职安全员", "项目经理", "项目负责人", "法人", "法定代表人", "总经理", "副总经理", "技术负责人"),
)
EXAMPLES = ("身份证号码_身份证.jpg", "姓名-学历证.pdf", "姓名/身份证正面.jpg")  # of the rule, as the page shows it
_PAPER_OF = {word: kind for kind, words in PAPER_WORDS.items() for word in words}
_SIDE_OF = {word: side for side, words in SIDE_WORDS.items() for word in words}
_SIDE_OF_PAPER = {"正": ScanSide.FRONT, "反": ScanSide.BACK}  # 身份证正, 身份证-反


def _any_of(words: Iterable[str]) -> str:
    """A pattern that takes the longest of these words."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_WORD = re.compile(_any_of([*_PAPER_OF, *_SIDE_OF, *OTHER_WORDS]))
_GAP = r"[\s_\-—–－~,，、;；+&#()（）\[\]【】{}《》<>]"
_SEPARATOR = re.compile(_GAP.replace(r"\s", ""))
_LONE_SIDE = re.compile(rf"(?<=证){_GAP}*([正反])(?=$|{_GAP}|[0-9])")
_NUMBER = re.compile(r"(?<![0-9A-Z])[0-9]{17}[0-9X](?![0-9A-Z])")
_MASKED = re.compile(r"(?<![0-9A-Z])[0-9]{3,}(?:[*●•○?]+|X{2,})[0-9X]*|(?:[*●•○?]{2,}|X{3,})[0-9]{2,}X?")
_DIGITS = re.compile(r"[0-9]{6,}X?")
_NAME_LIKE = re.compile(r"[\u3400-\u9fff〇]{2,4}|[\u3400-\u9fff]+(?:·[\u3400-\u9fff]+)+")
LONGEST_TIME = 6  # digits of a time of day, as cameras put it into names
_FORMAT = re.compile(r"\.[A-Za-z0-9]{1,5}$")


class NameReading(NamedTuple):
    """What one part of a path says: the file's own name, or the name of a folder."""

    numbers: tuple[str, ...]  # whole ID numbers
    mistyped: bool  # 18 characters that are no ID number
    masked: bool
    partial: bool  # digits that an ID number could begin with
    names: tuple[str, ...]  # what may be a name, as ``name_key`` gives them
    papers: frozenset[PaperKind]
    side: ScanSide


class Match(NamedTuple):
    """To whom and as what a file was given; with a ``doubt``, what is known of it."""

    person_id: int | None
    kind: PaperKind | None
    side: ScanSide = ScanSide.WHOLE
    doubt: ScanDoubt | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """The people on the clerk's list, as far as the names of the files ask for them."""

    by_name: Mapping[str, Collection[int]]  # ``name_key`` -> everybody of that name
    by_number: Mapping[str, int]

    def known_as(self, person_id: int, name: str) -> bool:
        return person_id in self.by_name.get(name, ())


def read_path(path: str) -> list[NameReading]:
    """The readings of a path, the file's own name first, then its folders from the nearest to the farthest."""
    *folders, name = [part for part in re.split(r"[/\\]+", path) if part.strip(" .")] or [""]
    stem = KNOWN_ENDINGS.sub("", name)
    return [_read(_FORMAT.sub("", stem) if stem == name else stem), *map(_read, reversed(folders))]


def numbers_in(paths: Iterable[str]) -> set[str]:
    """Every whole ID number that these paths name, to be looked up together."""
    return {number for path in paths for reading in read_path(path) for number in reading.numbers}


def _read(part: str) -> NameReading:
    text = visible(part).upper()
    found = _NUMBER.findall(text)
    numbers = tuple(dict.fromkeys(number for number in found if _is_id_number(number)))
    text = _NUMBER.sub(" ", text)
    masked = _MASKED.search(text) is not None
    text = _MASKED.sub(" ", text)
    partial = any(len(run) > LONGEST_TIME and PROVINCES.match(run) for run in _DIGITS.findall(text))
    text = _DIGITS.sub(" ", text)
    side = ScanSide.WHOLE
    if lone := _LONE_SIDE.search(text):
        side = _SIDE_OF_PAPER[lone[1]]
        text = text[: lone.start(1)] + text[lone.end(1) :]
    words = [found[0] for found in _WORD.finditer(text)]
    papers = frozenset(_PAPER_OF[word] for word in words if word in _PAPER_OF)
    sides = {_SIDE_OF[word] for word in words if word in _SIDE_OF}
    if sides:
        side = sides.pop() if len(sides) == 1 else ScanSide.WHOLE  # both sides named: both shown
    pieces = _SEPARATOR.split(_WORD.sub("_", text))
    # “李 雷” is one name, “李雷 安全” has one.
    names = {name_key(re.sub(r"^[\d.\s]+|[\d\s]+$", "", word)): None for piece in pieces for word in (piece, *piece.split())}
    known = tuple(name for name in names if re.search(r"[^\W\d_]", name))
    return NameReading(numbers, len(found) > len(numbers), masked, partial, known, papers, side)


def _is_id_number(number: str) -> bool:
    try:
        return parse_id_number(number) == fold(number)
    except BadNumber:
        return False


def match(path: str, roster: Roster) -> Match:
    """To whom a file belongs and as what. A doubt about the person comes before one about the paper."""
    readings = read_path(path)
    kind, side, paper_doubt = _paper(readings)
    person_id, doubt = _person(readings, roster)
    return Match(person_id, kind, side, doubt or paper_doubt)


def _paper(readings: list[NameReading]) -> tuple[PaperKind | None, ScanSide, ScanDoubt | None]:
    """Of the nearest part of the path that names one."""
    for reading in readings:
        if len(reading.papers) > 1:
            return None, reading.side, ScanDoubt.TWO_PAPERS
        for kind in reading.papers:
            side = next((one.side for one in readings if one.side is not ScanSide.WHOLE), ScanSide.WHOLE)
            return (kind, side, None) if kind in PERSON_PAPERS else (None, side, ScanDoubt.OF_NO_PERSON)
    return None, readings[0].side, ScanDoubt.NO_PAPER


def _person(readings: list[NameReading], roster: Roster) -> tuple[int | None, ScanDoubt | None]:
    numbers = {number for reading in readings for number in reading.numbers}
    if any(reading.mistyped for reading in readings):
        return None, ScanDoubt.BAD_NUMBER
    if any(reading.masked for reading in readings):
        return None, ScanDoubt.PART_OF_NUMBER
    if len(numbers) > 1:
        return None, ScanDoubt.TWO_PEOPLE
    if numbers:
        return _by_number(next(iter(numbers)), readings, roster)
    return _by_name(readings, roster)


def _by_number(number: str, readings: list[NameReading], roster: Roster) -> tuple[int | None, ScanDoubt | None]:
    """A number decides, unless the path names somebody else besides."""
    person_id = roster.by_number.get(number)
    if person_id is None:
        return None, ScanDoubt.UNKNOWN_NUMBER
    said = [name for reading in readings for name in reading.names]
    others = [name for name in said if name in roster.by_name and not roster.known_as(person_id, name)]
    named = any(roster.known_as(person_id, name) for name in said)
    strange = not named and any(_NAME_LIKE.fullmatch(name) for name in readings[0].names)
    return (None, ScanDoubt.TWO_PEOPLE) if others or strange else (person_id, None)


def _by_name(readings: list[NameReading], roster: Roster) -> tuple[int | None, ScanDoubt | None]:
    known = {name for reading in readings for name in reading.names if name in roster.by_name}
    if len(known) > 1:
        return None, ScanDoubt.TWO_PEOPLE
    for name in known:
        stranger = any(name not in one.names and _says_who(one.names) for one in readings[:1])
        if stranger:
            return None, ScanDoubt.TWO_PEOPLE
        people = set(roster.by_name[name])
        return (people.pop(), None) if len(people) == 1 else (None, ScanDoubt.HOMONYMS)
    if any(reading.partial for reading in readings):
        return None, ScanDoubt.PART_OF_NUMBER
    return None, ScanDoubt.UNKNOWN_NAME if _says_who(_all_names(readings)) else ScanDoubt.NO_PERSON


def _all_names(readings: list[NameReading]) -> Iterator[str]:
    return (name for reading in readings for name in reading.names)


def _says_who(names: Iterable[str]) -> bool:
    return any(_NAME_LIKE.fullmatch(name) for name in names)


def candidates(path: str, roster: Roster) -> Set[int]:
    """Everybody whom the path may mean, for the clerk to choose from."""
    named = (roster.by_name.get(name, ()) for name in _all_names(read_path(path)))
    return {person_id for people in named for person_id in people}

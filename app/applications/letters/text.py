"""What all letters are made of. Their texts are in the language of the province, whoever reads them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from app.certificates.pdf.letters import LetterText
from app.core.office import Office
from app.core.vocabulary import LetterKind
from app.outbox.sms_texts import in_province_language

KIND_WORDS: Mapping[LetterKind, str] = {  # {类} of the number
    LetterKind.ACCEPTANCE: "受",
    LetterKind.CORRECTION: "补",
    LetterKind.CLOSING: "终",
    LetterKind.NON_ACCEPTANCE: "不受",
    LetterKind.EXTENSION: "延",
    LetterKind.GRANT: "准",
    LetterKind.REFUSAL: "不准",
    LetterKind.MEASURE: "监",
}


@dataclass(frozen=True, slots=True)
class DraftLetter:
    """A letter that is not numbered yet; ``holder`` is the person it is about, by whose name it is looked up."""

    kind: LetterKind
    page: LetterText
    holder: str
    issued_on: date
    blank: tuple[str, str]  # before and after the running number

    @property
    def series(self) -> str:
        """The sequence that numbers it: one for each year and kind, as the pattern has it."""
        return "L:{}#{}".format(*self.blank)

    def numbered(self, n: int) -> tuple[str, dict[str, Any]]:
        """The number, and the letter as it is stored."""
        number = f"{n}".join(self.blank)
        return number, {**asdict(self.page), "number": number, "holder": self.holder}


def number_blank(office: Office, kind: LetterKind, day: date) -> tuple[str, str]:
    return office.letter_number_blank(KIND_WORDS[kind], day.year)


def page_of(face: Mapping[str, Any]) -> LetterText:
    """The page of a stored letter."""
    fields: dict[str, Any] = {
        name: tuple(face[name]) if isinstance(face[name], list) else face[name] for name in LetterText.__slots__
    }
    return LetterText(**fields)


def in_chinese(sentence: object, **values: object) -> str:
    """A lazy sentence, its values filled in, whatever the current locale."""
    return in_province_language(sentence, **values)


def long_day(day: date) -> str:
    """``2026年3月2日``."""
    return f"{day.year}年{day.month}月{day.day}日"


def long_month(day: date) -> str:
    """``2026年3月``."""
    return f"{day.year}年{day.month}月"


def section_title(number: int, title: str) -> str:
    """``一、总体情况`` (GB/T 9704-2012, 7.3.3); up to 20."""
    return f"{'十' if number > 10 else ''}{'一二三四五六七八九十'[(number - 1) % 10]}、{title}"

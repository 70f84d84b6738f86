"""Numbers, days and stored pages of letters."""

from datetime import date

from app.applications.letters import text
from app.certificates.pdf.letters import LetterText
from app.core.office import Office
from app.core.vocabulary import LetterKind

PAGE = LetterText("厅", "受理单", "", "行政审批专用章", "企业", ("一。", "二。"), (), ("三。",), "2026年3月2日", "脚")


def test_every_kind_has_a_word_of_its_own():
    assert set(text.KIND_WORDS) == set(LetterKind)
    assert len(set(text.KIND_WORDS.values())) == len(LetterKind)


def test_a_stored_page_is_read_back_as_it_was():
    blank = text.number_blank(Office(), LetterKind.ACCEPTANCE, date(2026, 3, 2))
    draft = text.DraftLetter(LetterKind.ACCEPTANCE, PAGE, "李雷", date(2026, 3, 2), blank)
    number, face = draft.numbered(7)
    assert (number, draft.series) == ("湘建许受〔2026〕7号", "L:湘建许受〔2026〕#号")
    page = text.page_of({**face, "sentences": list(face["sentences"]), "closing": list(face["closing"])})
    assert (page.number, page.sentences, page.closing) == (number, PAGE.sentences, PAGE.closing)
    assert face["holder"] == "李雷"


def test_a_day_is_written_without_zeros():
    assert text.long_day(date(2026, 3, 2)) == "2026年3月2日"

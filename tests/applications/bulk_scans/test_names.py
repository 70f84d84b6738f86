"""The names of scans: what is given to somebody, and what is left to the clerk with its reason."""

import pytest

from app.applications.bulk_scans.names import EXAMPLES, PAPER_WORDS, Match, Roster, candidates, match, numbers_in
from app.core.scan_vocabulary import ScanDoubt, ScanSide
from app.core.vocabulary import PERSON_PAPERS, PaperKind
from tests import make

LI, HAN, WANG, OTHER_WANG, AI, NG = range(1, 7)
NUMBER, OTHER_NUMBER, UNLISTED = make.id_number(), make.id_number(), make.id_number()
LAST_X = next(number for number in (make.id_number(sequence=n) for n in range(200)) if number.endswith("X"))
ROSTER = Roster(
    {"李雷": [LI], "韩梅梅": [HAN], "王芳": [WANG, OTHER_WANG], "艾力·买买提": [AI], "ngann": [NG]},
    {NUMBER: LI, OTHER_NUMBER: HAN, LAST_X: AI},
)
ID, EDUCATION, TITLE, PHOTO, REGISTRATION = (
    PaperKind.ID_CARD, PaperKind.EDUCATION, PaperKind.TITLE, PaperKind.PHOTO, PaperKind.REGISTRATION,
)  # fmt: skip
FRONT, BACK, WHOLE = ScanSide.FRONT, ScanSide.BACK, ScanSide.WHOLE
FULL_WIDTH = NUMBER.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789X"})

GIVEN = {
    f"{NUMBER}_身份证.jpg": (LI, ID, WHOLE),
    "李雷-学历证.pdf": (LI, EDUCATION, WHOLE),
    "李雷身份证.jpg": (LI, ID, WHOLE),
    "身份证（李雷）.JPG": (LI, ID, WHOLE),
    f"{FULL_WIDTH}＿身份证．ｊｐｇ": (LI, ID, WHOLE),
    f"李雷{NUMBER}毕业证书(1).pdf": (LI, EDUCATION, WHOLE),
    f"{LAST_X.lower()}_照片.png": (AI, PHOTO, WHOLE),
    "艾力.买买提_职称证书.jpg": (AI, TITLE, WHOLE),
    "NG ANN/注册建造师证书 - 副本 (2).pdf": (NG, REGISTRATION, WHOLE),
    "李 雷_身份证.jpg": (LI, ID, WHOLE),
    "韩梅梅 一寸照片 - Copy.jpeg": (HAN, PHOTO, WHOLE),
    "01 韩梅梅 身份证正面.jpg": (HAN, ID, FRONT),
    "韩梅梅_身份证_反面2.jpg": (HAN, ID, BACK),
    "韩梅梅身份证正.jpg": (HAN, ID, FRONT),
    "韩梅梅/身份证-国徽面.jpg": (HAN, ID, BACK),
    "韩梅梅_身份证正反面.pdf": (HAN, ID, WHOLE),
    "韩梅梅_身份证_正面_反面.pdf": (HAN, ID, WHOLE),
    "2026年材料/李雷/学历证.jpg": (LI, EDUCATION, WHOLE),
    f"报名\\{NUMBER}\\职称.jpg": (LI, TITLE, WHOLE),
    "身份证/李雷.jpg": (LI, ID, WHOLE),
    "身份证/正面/李雷.jpg": (LI, ID, FRONT),
    "李雷_20240501_身份证.jpg": (LI, ID, WHOLE),
    "项目经理李雷_身份证扫描件.jpg.jpg": (LI, ID, WHOLE),
    "学历证/李雷_身份证.jpg": (LI, ID, WHOLE),  # the file's own name counts before its folder's
    "湖南湘江建设有限公司-李雷-身份证.jpg": (LI, ID, WHOLE),
}
DOUBTFUL = {
    "身份证.jpg": (None, ID, ScanDoubt.NO_PERSON),
    "IMG_20240501_101530.jpg": (None, None, ScanDoubt.NO_PERSON),
    "": (None, None, ScanDoubt.NO_PERSON),
    "/..//": (None, None, ScanDoubt.NO_PERSON),
    "赵六_身份证.jpg": (None, ID, ScanDoubt.UNKNOWN_NAME),
    "王芳_身份证.jpg": (None, ID, ScanDoubt.HOMONYMS),
    f"{UNLISTED}_身份证.jpg": (None, ID, ScanDoubt.UNKNOWN_NUMBER),
    f"李雷_{UNLISTED}_身份证.jpg": (None, ID, ScanDoubt.UNKNOWN_NUMBER),
    f"{NUMBER[:17]}{(int(NUMBER[17].replace('X', '1')) + 1) % 10}_身份证.jpg": (None, ID, ScanDoubt.BAD_NUMBER),
    "430102199902301234_身份证.jpg": (None, ID, ScanDoubt.BAD_NUMBER),
    f"李雷_{NUMBER[:6]}********{NUMBER[14:]}_身份证.jpg": (None, ID, ScanDoubt.PART_OF_NUMBER),
    f"{NUMBER[:6]}xxxxxxxx{NUMBER[14:]}_身份证.jpg": (None, ID, ScanDoubt.PART_OF_NUMBER),
    f"{NUMBER[:14]}_身份证.jpg": (None, ID, ScanDoubt.PART_OF_NUMBER),
    "430102850615123_身份证.jpg": (None, ID, ScanDoubt.PART_OF_NUMBER),  # of 15 digits, as before 1999
    "李雷_韩梅梅_身份证.jpg": (None, ID, ScanDoubt.TWO_PEOPLE),
    "李雷/韩梅梅_身份证.jpg": (None, ID, ScanDoubt.TWO_PEOPLE),
    "李雷/赵六_身份证.jpg": (None, ID, ScanDoubt.TWO_PEOPLE),
    f"{NUMBER}_{OTHER_NUMBER}_身份证.jpg": (None, ID, ScanDoubt.TWO_PEOPLE),
    f"{NUMBER}_韩梅梅_身份证.jpg": (None, ID, ScanDoubt.TWO_PEOPLE),
    f"{NUMBER}_赵六_身份证.jpg": (None, ID, ScanDoubt.TWO_PEOPLE),
    "李雷_体检表.jpg": (LI, None, ScanDoubt.NO_PAPER),
    "李雷.jpg": (LI, None, ScanDoubt.NO_PAPER),
    "李雷_身份证和学历证.pdf": (LI, None, ScanDoubt.TWO_PAPERS),
    "李雷_劳动合同.pdf": (LI, None, ScanDoubt.OF_NO_PERSON),
    "企业诚信承诺书.pdf": (None, None, ScanDoubt.NO_PERSON),
}


def test_a_whole_number_or_a_whole_name_of_one_person_gives_the_file():
    assert {path: match(path, ROSTER) for path in GIVEN} == {path: Match(*said) for path, said in GIVEN.items()}


def test_the_examples_on_the_page_keep_the_rule():
    read = [match(name.replace("身份证号码", NUMBER).replace("姓名", "李雷"), ROSTER) for name in EXAMPLES]
    assert [(one.person_id, one.kind, one.doubt) for one in read] == [(LI, ID, None), (LI, EDUCATION, None), (LI, ID, None)]


def test_everything_else_is_left_to_the_clerk_with_the_reason():
    found = {path: match(path, ROSTER) for path in DOUBTFUL}
    assert {path: (one.person_id, one.kind, one.doubt) for path, one in found.items()} == DOUBTFUL


def test_the_clerk_chooses_among_those_whom_the_name_may_mean():
    assert candidates("王芳_身份证.jpg", ROSTER) == {WANG, OTHER_WANG}
    assert candidates("李雷/韩梅梅_身份证.jpg", ROSTER) == {LI, HAN}
    assert not candidates("身份证.jpg", ROSTER)


def test_numbers_are_looked_up_together():
    assert numbers_in([f"{NUMBER}_身份证.jpg", f"{OTHER_NUMBER}/照片.jpg", f"{NUMBER}_照片.jpg", "李雷.jpg"]) == {
        NUMBER,
        OTHER_NUMBER,
    }


def test_no_word_names_two_papers_and_every_paper_of_a_person_has_words():
    words = [word for words in PAPER_WORDS.values() for word in words]
    assert len(words) == len(set(words))
    assert PAPER_WORDS.keys() >= set(PERSON_PAPERS)


@pytest.mark.parametrize("kind", PERSON_PAPERS)
def test_every_word_is_understood_as_its_own_paper(kind):
    read = {word: match(f"李雷_{word}.jpg", ROSTER) for word in PAPER_WORDS[kind]}
    assert {(one.person_id, one.kind, one.doubt) for one in read.values()} == {(LI, kind, None)}, read

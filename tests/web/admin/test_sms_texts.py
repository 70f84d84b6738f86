"""短信文字: shown, tried out, saved and taken back by the administrator."""

from app.core.vocabulary import Role
from app.outbox.sms_texts import NAMED

PAGE = "/sms-texts/reminder.expiring_one"


def test_a_text_is_tried_out_saved_and_taken_back(admin, session):
    page = admin.get("/sms-texts/").text
    assert page.count("/sms-texts/") >= len(NAMED)
    assert "%(" not in page.partition("<main")[2]
    own = "%(names)s的证书将于%(day)s到期。"
    tried = admin.post(PAGE, data={"text": own, "seen": "", "then": "look"})
    assert (tried.status_code, "张三、李四的证书将于2026-12-31到期。" in tried.text) == (200, True)
    wrong = admin.post(PAGE, data={"text": "%(nobody)s", "seen": ""})
    assert (wrong.status_code, wrong.text.count("%(nobody)s") >= 2) == (422, True)  # named, and still in the field
    assert admin.post(PAGE, data={"text": own, "seen": ""}).status_code == 302
    changed = admin.get("/sms-texts/?changed=1").text
    assert (changed.count("/sms-texts/reminder"), "张三、李四的证书将于2026-12-31到期。" in changed) == (1, True)
    assert admin.post(PAGE, data={"text": own, "seen": own, "then": "default"}).status_code == 302
    assert "/sms-texts/reminder" not in admin.get("/sms-texts/?changed=1").text
    assert admin.get("/sms-texts/no.such").status_code == 404


def test_nobody_else_reads_or_writes_them(session, signed_in, holder):
    for role in set(Role) - {Role.ADMIN}:
        browser = signed_in(holder(role))
        answers = (browser.get("/sms-texts/"), browser.get(PAGE), browser.post(PAGE, data={"text": "x", "seen": ""}))
        assert {answer.status_code for answer in answers} == {403}, role

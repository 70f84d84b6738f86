"""Style sheets and scripts: in one answer, for good, and nothing but what is there."""

import re

import pytest

from app.web.base.static_files import MOST_SHEETS, content, script
from tests.source_guards import APP

STATIC = str(next(APP.rglob("static/js")).parent.resolve())


def test_a_script_comes_with_what_it_imports_before_it(tmp_path):
    (tmp_path / "verify").mkdir()
    (tmp_path / "verify/bytes.js").write_text("export const ONE = 1;\nexport async function read() {}\n")
    (tmp_path / "dom.js").write_text("import { ONE as first } from './verify/bytes.js';\nexport class Box {}\n")
    (tmp_path / "side.js").write_text("import { Box } from './dom.js';\nnew Box();\n")
    (tmp_path / "main.js").write_text("import './side.js';\nimport { ONE } from './verify/bytes.js';\nuse(ONE);\n")
    assert [line for line in script(tmp_path / "main.js").splitlines() if line] == [
        "const m0 = (() => {", "const ONE = 1;", "async function read() {}", "return {ONE, read};", "})();",
        "const m1 = (() => {", "const { ONE: first } = m0;", "class Box {}", "return {Box};", "})();",
        "const m2 = (() => {", "const { Box } = m1;", "new Box();", "return {};", "})();",
        "const m3 = (() => {", "const { ONE } = m0;", "use(ONE);", "return {};", "})();",
    ]  # fmt: skip


@pytest.mark.parametrize("line", [
    "export default 1;", "export let count = 0;", "import * as dom from './dom.js';", "export { a };",
    "import dom from './dom.js';", "import { a } from 'elsewhere';", "import './main.js';",
])  # fmt: skip
def test_other_imports_and_exports_are_refused(tmp_path, line):
    (tmp_path / "dom.js").write_text("")
    (tmp_path / "main.js").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=r"main\.js imports"):
        script(tmp_path / "main.js")


def test_style_sheets_come_together_with_their_pictures():
    both = content(STATIC, "ag.css+public.css").decode()
    assert len(both) > len(content(STATIC, "ag.css").decode())
    assert "data:image/svg+xml;base64," in both
    assert not re.findall(r"url\((?!\"data:)[^)]*\)", both)


SIX = "+".join(f"{name}.css" for name in ("ag", "almanac", "casework", "help", "public", "sms"))


@pytest.mark.parametrize("name", [
    "ag.css+ag.css", "ag.css+js/main.js", "js/main.js+js/verify.js", "ag.css+icons.svg", "ag.css+", "../setup.css",
    "js/../../setup.js", "ag.css+../../setup.py", "nothing.css", "js/nothing.js", SIX,
    "js/main.js/x.js", f"{'a' * 300}.css", "a%00.css",
])  # fmt: skip
def test_nothing_else_is_sent(client, name):
    assert MOST_SHEETS < 6
    assert client.get(f"/static/{name}").status_code == 404


def test_an_address_with_a_fingerprint_is_kept_for_ever_and_another_is_asked_again(client):
    page = client.get("/lookup").text
    for address in re.findall(r'(?:href|src)="(/static/[^"#]+)', page):
        answer = client.get(address)
        assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True), address
        plain = client.get(address.partition("?")[0])
        assert plain.headers["Cache-Control"] == "no-cache"
        assert client.get(f"{address[:-1]}-").headers["Cache-Control"] == "no-store"  # of another version
        assert client.get(address.partition("?")[0], headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304

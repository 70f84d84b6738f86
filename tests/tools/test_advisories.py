"""The advisory check: findings fail, and an unavailable source never counts as a pass."""

import json
import subprocess
import sys

import pytest

PINNED = ("flask", "jinja2")  # instead of constraints.txt


def run_tool(root, tmp_path, code: str):
    """Run the tool with a fake pip-audit that runs this code for each source."""
    (tmp_path / "tools").mkdir()
    tool = tmp_path / "tools" / "advisories.py"
    tool.write_text((root / "tools" / "advisories.py").read_text())
    (tmp_path / "constraints.txt").write_text("".join(f"{name}==1\n" for name in PINNED))
    fake = tmp_path / "fake.py"
    fake.write_text(f"import sys\nsource = sys.argv[-1]\n{code}")
    return subprocess.run([sys.executable, tool, sys.executable, fake], capture_output=True, text=True, check=False)


def prints(**packages: object) -> str:
    listed = [{"name": name, **({"vulns": result} if isinstance(result, list) else {"skip_reason": result})}
              for name, result in packages.items()]  # fmt: skip
    return f"print({json.dumps(json.dumps({'dependencies': listed}))})"


BAD = [{"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2"]}]


def test_without_advisories_the_tool_succeeds(root, tmp_path):
    done = run_tool(root, tmp_path, prints(flask=[], jinja2=[]))
    assert (done.returncode, "!" in done.stderr) == (0, False)
    assert "2 packages looked up, 0 with" in done.stdout


@pytest.mark.parametrize("other", [[], "not found"])
def test_an_advisory_fails_and_is_reported(root, tmp_path, other):
    done = run_tool(root, tmp_path, prints(flask=BAD, jinja2=other))
    assert done.returncode == 1
    assert "flask: PYSEC-1 CVE-2026-1 (fixed in 2)" in done.stdout


@pytest.mark.parametrize(
    "code",
    [prints(flask="Dependency not found", jinja2="Dependency not found"), "sys.exit('ConnectionError')", "print('[]')",
     "print('{')", "print('No known vulnerabilities found')", ""],
)  # fmt: skip
def test_an_unavailable_source_is_a_warning_and_no_failure(root, tmp_path, code):
    """pip-audit itself reports "no known vulnerabilities" for packages that it did not find, and exits with 0."""
    done = run_tool(root, tmp_path, code)
    assert (done.returncode, "ADVISORIES NOT CHECKED" in done.stderr) == (0, True)
    assert "looked up" not in done.stdout


def test_a_partial_answer_counts_as_unavailable(root, tmp_path):
    done = run_tool(root, tmp_path, prints(flask=[], jinja2="not found"))
    assert (done.returncode, "IN PART: 1 of 2" in done.stderr) == (0, True)


def test_the_second_source_is_asked_for_what_the_first_does_not_know(root, tmp_path):
    both = f"if source == 'pypi':\n    sys.exit(2)\n{prints(flask=BAD, jinja2=[])}"
    assert run_tool(root, tmp_path, both).returncode == 1


def test_ci_runs_the_advisory_check_before_the_tests(root):
    assert "make audit" in (root / ".ci" / "run").read_text()
    recipe = (root / "Makefile").read_text().partition("\naudit:")[2].partition("\n\n")[0]
    assert "bandit" in recipe
    assert "tools/advisories.py" in recipe
    assert "|| true" not in recipe

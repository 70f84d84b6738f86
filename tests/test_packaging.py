"""The wheel runs where there is no checkout, and writes nothing where code lies; a server's packages have hashes."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import urllib.request
import venv
from pathlib import Path

import pytest

from app.core import bundled
from tests.source_guards import ROOT

PACKAGES = Path(pytest.__file__).parents[1]  # where all libraries are installed
BUILT_FROM = ("app", "docs", "migrations", "translations", "pyproject.toml", "setup.py", "README.md")
MANUAL = ("/help/manual/enterprise_clerk", "pictures/enterprise_clerk-")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The wheel of this checkout, built and unpacked elsewhere, beside a Python that has nothing of ours."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"  # building writes beside the sources
    source.mkdir()
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    for name in (*source.rglob("__pycache__"), *source.rglob("*.mo")):
        shutil.rmtree(name) if name.is_dir() else name.unlink()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, source], check=True)
    (wheel,) = folder.glob("anguan-*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--no-compile", "--target", folder / "code", wheel], check=True
    )
    shutil.rmtree(source)
    venv.create(folder / "python", with_pip=False, symlinks=True)
    return folder


@pytest.fixture(scope="module")
def environment(installed) -> dict[str, str]:
    """Of a process with the installed code, which cannot find the checkout."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("ANGUAN_", "PYTHON"))}
    paths = f"{installed / 'code'}{os.pathsep}{PACKAGES}"
    return given | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "ANGUAN_HOME": str(installed / "home")}


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_an_installed_wheel_makes_a_system_that_answers(installed, environment):
    python, before = installed / "python" / "bin" / "python", files(installed / "code")

    def anguan(*words: str) -> str:
        command = [python, "-m", "app.cli", *words]
        return subprocess.run(command, check=True, env=environment, cwd=installed, capture_output=True, text=True).stdout

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert anguan("--version") == f"anguan {version}\n"
    asked = [python, "-c", "import app; print(app.__file__)"]
    assert Path(subprocess.check_output(asked, env=environment, cwd=installed, text=True)).is_relative_to(installed / "code")
    assert "Ready" in anguan("init")
    assert "up to date" in anguan("upgrade")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python, "-m", "app.cli", "serve", "--port", str(port), "--workers", "1", "--background", "1"]
    with subprocess.Popen(command, env=environment, cwd=installed, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert f":{port}" in server.stdout.readline()
            for path, holds in (("/healthz", ""), ("/", "电子证照查询"), ("/static/system.css", "{"), MANUAL):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                    assert answer.status == 200
                    assert holds in answer.read().decode()
        finally:
            server.terminate()
    assert files(installed / "code") == before, "ProtectSystem=strict forbids it"


def test_the_wheel_holds_what_the_checkout_holds(installed):
    code = installed / "code" / "app"
    for folder, pattern in (("app", "**/*.*"), ("migrations", "versions/*.py"), ("docs", "*.md"), ("docs", "manual/**/*.*")):
        ours = {path.relative_to(ROOT / folder) for path in (ROOT / folder).glob(pattern) if path.is_file()}
        ours = {path for path in ours if "__pycache__" not in path.parts}
        inside = code if folder == "app" else code / folder
        assert not {str(path) for path in ours if not (inside / path).is_file()}
    assert [path.name for path in code.rglob("messages.[mp]o")] == ["messages.mo"]
    assert not (installed / "code" / "tests").exists()


def test_folders_beside_the_code_are_found_in_a_checkout():
    assert [bundled.folder(name) for name in ("migrations", "translations")] == [ROOT / "migrations", ROOT / "translations"]


def pinned(name: str) -> dict[str, str]:
    return {
        found[1].lower().replace("_", "-"): found[2]
        for found in re.finditer(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    }


def test_a_server_installs_pinned_packages_with_hashes_and_none_of_the_tests_own():
    runtime, tested = pinned("requirements.txt"), pinned("constraints.txt")
    assert {name: tested.get(name) for name in runtime} == runtime, "run 'make lock'"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {re.split(r"[\[<>=~ ]", line)[0].lower() for line in project["dependencies"]}
    assert asked <= runtime.keys()
    for_tests = {re.split(r"[\[<>=~ ]", line)[0].lower() for line in project["optional-dependencies"]["test"]}
    assert not for_tests & runtime.keys()
    blocks = re.split(r"\n(?=[A-Za-z])", (ROOT / "requirements.txt").read_text().strip())
    assert len(blocks) == len(runtime)
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_samples_stand_where_make_install_puts_them():
    makefile = (ROOT / "Makefile").read_text()
    assert "$(PREFIX)/share/anguan" in makefile
    for name in ("anguan-web@", "anguan-worker"):
        unit = (ROOT / "docs" / "deploy" / f"{name}.service").read_text()
        assert re.search(r"^ExecStart=/opt/anguan/bin/anguan (serve|worker)", unit, re.MULTILINE)
        assert "ProtectSystem=strict" in unit
    assert re.search(r"^PREFIX \?= /opt/anguan$", makefile, re.MULTILINE)

"""Reads the source of ``app``: which calls it makes, which states it writes, which transactions it ends."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import app

APP = Path(app.__file__).parent
ROOT = APP.parent
STATEFUL = {"Application", "ExamSignup", "Job", "Challenge", "Message"}  # tables whose state has one owner


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of ``app`` by its path. Parsed when a test asks: four other files want only the paths above."""
    return {str(path.relative_to(APP)): ast.parse(path.read_text()) for path in sorted(APP.rglob("*.py"))}


def outside(*places: str) -> dict[str, ast.Module]:
    """The modules of ``app`` that lie in none of these places (a package, or a module's path)."""
    return {name: tree for name, tree in modules().items() if not name.startswith(places)}


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted name of what is called."""
    return ((node, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call))


def state_writes(tree: ast.AST) -> list[int]:
    """Lines that write a ``state``, or may do so because they do not name the columns that they write."""
    return sorted({*_assigned(tree), *_by_keyword(tree), *_in_bulk(tree)})


def _assigned(tree: ast.AST) -> Iterator[int]:
    """``x.state = …``, also in a tuple, a loop or an ``as``; a class that declares the column does not write it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "state" and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.lineno


def _by_keyword(tree: ast.AST) -> Iterator[int]:
    """``.values(state=…)``, ``Application(state=…)``, ``setattr(x, "state", …)``, ``.update({"state": …})``."""
    for call, name in calls(tree):
        last = name.rpartition(".")[2]
        named = any(keyword.arg == "state" for keyword in call.keywords) and (last == "values" or last in STATEFUL)
        constants = {node.value for arg in call.args for node in ast.walk(arg) if isinstance(node, ast.Constant)}
        if named or (last in {"setattr", "values", "update", "__setattr__"} and "state" in constants):
            yield call.lineno


def _in_bulk(tree: ast.AST) -> Iterator[int]:
    """``update(T)``/``insert(T)`` of a table with a state whose columns are not spelt out as keywords; bulk_…_mappings."""
    spelt_out = {
        id(inner)
        for call, name in calls(tree)
        if name.endswith(".values") and not call.args and all(keyword.arg for keyword in call.keywords)
        for inner in ast.walk(call.func)
    }
    for call, name in calls(tree):
        last = name.rpartition(".")[2]
        table = call.args[0] if call.args else None
        owned = isinstance(table, ast.Name | ast.Attribute) and ast.unparse(table).rpartition(".")[2] in STATEFUL
        statement = last in {"update", "insert", "Update", "Insert"} and owned and id(call) not in spelt_out
        if statement or re.fullmatch(r"bulk_(insert|update)_mappings|bulk_save_objects", last):
            yield call.lineno


def many_set(tree: ast.AST, sources: dict[str, set[str]]) -> list[int]:
    """Lines with ``update(T)….values(…)`` of a column of ``sources``, which other columns of the table are computed from."""
    found = []
    for call, name in calls(tree):
        if not name.endswith(".values"):
            continue
        updates = (node for node in ast.walk(call.func) if isinstance(node, ast.Call) and node.args)
        tables = {ast.unparse(node.args[0]) for node in updates if ast.unparse(node.func).endswith("update")}
        named = {keyword.arg for keyword in call.keywords} | {
            node.value for arg in call.args for node in ast.walk(arg) if isinstance(node, ast.Constant)
        }
        if any(named & sources.get(table.removesuffix(".__table__").rpartition(".")[2], set()) for table in tables):
            found.append(call.lineno)
    return found


def transactions_ended(tree: ast.AST) -> list[int]:
    """Lines that begin or end a transaction of their own: commit, rollback, begin, a savepoint, or the raw statement."""
    ends = re.compile(r"(^|\.)(commit|rollback|begin|begin_nested|begin_twophase)$")
    statement = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
    found = [call.lineno for call, name in calls(tree) if ends.search(name) and _is_a_transaction(call)]
    texts = (arg for call, name in calls(tree) for arg in call.args if name.endswith(("execute", "text", "exec_driver_sql")))
    raw = [arg.lineno for arg in texts if isinstance(arg, ast.Constant) and statement.match(str(arg.value))]
    handed_on = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"} and isinstance(node.ctx, ast.Load)
    ]
    return sorted({*found, *raw, *handed_on})


def _is_a_transaction(call: ast.Call) -> bool:
    """``challenges.begin(session, …)`` begins something else: a transaction takes no positional arguments."""
    return not call.args


def markup_lost(tree: ast.AST) -> list[int]:
    """Lines on which the value of ``shown``, which may be markup for a page, becomes part of a plain text."""
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    texts += [call for call, name in calls(tree) if name.rpartition(".")[2] in {"str", "join", "gettext", "ngettext", "_"}]
    return sorted({call.lineno for text in texts for call, name in calls(text) if name == "shown"})

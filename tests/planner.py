"""Makes both databases plan as if every large table had a million rows, and tells which statements would then take long.

SQLite plans by ``sqlite_stat1``, which is written here from how many values a column has in a province; PostgreSQL by the
rows a test has stored, analysed, and said to be so many more. Nothing is timed.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import prod
from typing import Any

from sqlalchemy import Engine, event

ROWS = 1_000_000
LARGE = (
    *("ab_user", "application", "certificate", "certificate_event", "certificate_measure", "certificate_version"),
    "discrepancy",
    *("employment_release", "enterprise", "entry", "exam_pass", "exam_signup", "filing", "identity_correction", "job"),
    *("legacy_record", "letter", "message", "notification", "paper", "person", "public_notice", "qualification", "step"),
)
VALUES = {  # in a column; of others nearly every row has its own. None is an expression: the prefecture
    None: 14, "region_code": 14, "state": 10, "status": 6, "kind": 10, "registration": 3, "source": 2, "matter": 5,
    "category": 6, "deed": 20, "table": 40, "check_result": 3, "due_on": 60, "valid_to": 1_400, "passed_on": 300,
    "last_day": 400, "enterprise_id": 20_000, "notice_id": 200, "name": 200_000, "holder": 200_000, "actor": 10_000,
    "address": 50_000, "last_login": 100_000, "first_name": 200_000,
}  # fmt: skip
FEW = {  # a condition on one of these leaves few rows, which may be sorted
    *(
        "id",
        "rowid",
        "enterprise_id",
        "releasing_enterprise_id",
        "person_id",
        "certificate_id",
        "application_id",
        "account_id",
    ),
    *(
        "key",
        "id_number_key",
        "token",
        "number",
        "username",
        "entry_id",
        "subject",
        "qualification_id",
        "pledging_enterprise_id",
    ),
}
MOST_COST = 4_000  # in PostgreSQL's units: to read a million rows costs 12,000, to sort the 70,000 of a prefecture 7,000


@contextmanager
def recorded(engine: Engine) -> Iterator[dict[str, Any]]:
    """The statements sent inside the block, each with the parameters it came with first."""
    seen: dict[str, Any] = {}

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.setdefault(
                re.sub(r"(\?|%\(\w+\)s(::\w+)?)(, (\?|%\(\w+\)s(::\w+)?))+", "…", statement), (statement, parameters)
            )

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def millions(engine: Engine) -> Iterator[Any]:
    """A function that tells what is slow about a statement; empty if nothing is."""
    if engine.dialect.name == "sqlite":
        yield from _sqlite(engine)
    else:
        yield from _postgresql(engine)


def _sqlite(engine: Engine) -> Iterator[Any]:
    with closing(sqlite3.connect(engine.url.database)) as connection:
        connection.execute("ANALYZE")
        connection.execute("DELETE FROM sqlite_stat1")
        for table in LARGE:
            for _n, index, _unique, _origin, partial in connection.execute(f"PRAGMA index_list({table})").fetchall():
                rows = ROWS // 10 if partial else ROWS
                columns = [row[2] for row in connection.execute(f"PRAGMA index_xinfo({index})") if row[5]]
                known = [VALUES.get(column, rows) for column in columns]
                each = [max(rows // prod(known[: n + 1]), 1) for n in range(len(known))]
                stat = " ".join(map(str, (rows, *each)))
                connection.execute("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", (table, index, stat))
        connection.commit()
    try:
        with closing(sqlite3.connect(engine.url.database)) as connection:  # reads the statistics as it opens

            def slow(statement: str, parameters: Any) -> str:
                plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                return _slow_steps(plan, limited="LIMIT" in statement)

            yield slow
    finally:
        with closing(sqlite3.connect(engine.url.database)) as connection:
            connection.execute("DELETE FROM sqlite_stat1")
            connection.commit()


def _slow_steps(plan: list[str], *, limited: bool) -> str:
    large = [step for step in plan if re.match(rf"(SCAN|SEARCH) ({'|'.join(LARGE)})(_\d+)?\b", step)]
    many = [step for step in large if step.startswith("SCAN") or FEW.isdisjoint(re.findall(r"(\w+)=\?", step))]
    scanned = [step for step in many if step.startswith("SCAN") and not limited]
    sorted_apart = [step for step in plan if step.startswith("USE TEMP B-TREE")] if many else []
    return " | ".join([*scanned, *(many if sorted_apart else ()), *sorted_apart])


def _postgresql(engine: Engine) -> Iterator[Any]:
    tables = "SELECT oid FROM pg_class WHERE relkind = 'r' AND relname = ANY(%(large)s)"
    both = f"{tables} UNION SELECT indexrelid FROM pg_index WHERE indrelid IN ({tables})"  # noqa: S608 - from here
    large = {"large": list(LARGE)}
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ANALYZE {', '.join(LARGE)}")
        many = f"UPDATE pg_class SET reltuples = {ROWS}, relpages = greatest(relpages, 1) WHERE oid IN ({both})"  # noqa: S608
        connection.exec_driver_sql(many, large)
    try:
        with engine.connect() as connection:

            def slow(statement: str, parameters: Any) -> str:
                plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
                root = plan[0]["Plan"]
                costs = f"costs {root['Total Cost']:.0f}: {' > '.join(_nodes(root))}"
                return costs if root["Total Cost"] > MOST_COST else ""

            yield slow
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM pg_statistic WHERE starelid IN ({both})", large)  # noqa: S608
            unknown = f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid IN ({both})"  # noqa: S608
            connection.exec_driver_sql(unknown, large)


def _nodes(node: dict[str, Any]) -> Iterator[str]:
    yield f"{node['Node Type']} {node.get('Relation Name', '')} {node.get('Index Name', '')} ({node['Total Cost']:.0f})"
    for part in node.get("Plans", ()):
        yield from _nodes(part)

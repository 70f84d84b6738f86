"""What a row takes on disk, and what of it its indexes take, in a province that was just filled. See docs/scale.md."""

from collections.abc import Iterator

from sqlalchemy import Connection, create_engine, text

from app.models import Model
from benchmarks.data import Built
from benchmarks.lines import Result

LEAST = 100  # rows; of fewer, half-empty pages tell nothing
_POSTGRESQL = text(
    "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE relkind = 'r' AND relname = ANY(:tables)"
)
_SQLITE = text(
    "SELECT tbl_name, sum(pgsize * (type = 'table')), sum(pgsize * (type = 'index'))"
    " FROM dbstat JOIN sqlite_schema USING (name) GROUP BY tbl_name"
)


def measure_sizes(province: Built) -> Iterator[Result]:
    """For each table: bytes a row with its indexes; beside it the rows and the bytes of the indexes."""
    engine = create_engine(province.url)
    try:
        with engine.connect() as connection:
            yield from sorted(_sizes(connection), key=lambda result: -result.value)
    finally:
        engine.dispose()


def _sizes(connection: Connection) -> Iterator[Result]:
    tables = [table.name for table in Model.metadata.sorted_tables]
    lite = connection.dialect.name == "sqlite"
    for name, table, indexes in connection.execute(
        _SQLITE if lite else _POSTGRESQL, {} if lite else {"tables": tables}
    ).all():
        rows = connection.scalar(text(f'SELECT count(*) FROM "{name}"')) if name in tables else 0  # noqa: S608 - a table of ours
        if rows and rows >= LEAST:
            more = {"rows": rows, "indexes": round(indexes / rows)}
            yield Result("sizes", name, round((table + indexes) / rows), "bytes a row", more=more)

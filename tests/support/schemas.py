"""What a database's schema is, in a form that is the same for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Database

_TABLES: Final = Query(
    "schema.tables",
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    postgres="SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
)
_COLUMNS: Final = Query(
    "schema.columns",
    "SELECT name, lower(type), \"notnull\" <> 0 OR pk <> 0, coalesce(dflt_value, '') FROM pragma_table_info($1)",
    postgres="""SELECT column_name, data_type, (is_nullable = 'NO')::int,
            replace(coalesce(column_default, ''), '::text', '')
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1""",
)
_INDEXES: Final = Query(
    "schema.indexes",
    """SELECT l.name, l."unique", l.origin = 'pk', l.partial, group_concat(i.name)
        FROM pragma_index_list($1) AS l, pragma_index_info(l.name) AS i GROUP BY l.name""",
    postgres="""SELECT c.relname, i.indisunique::int, i.indisprimary::int, (i.indpred IS NOT NULL)::int,
            (SELECT string_agg(a.attname, ',' ORDER BY k.n)
             FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k (number, n)
             JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number)
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE i.indrelid = $1::text::regclass""",
)
_REFERENCES: Final = Query(
    "schema.references",
    'SELECT "from", "table", on_delete FROM pragma_foreign_key_list($1)',
    postgres="""SELECT a.attname, f.relname, CASE c.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'c' THEN 'CASCADE' END
        FROM pg_constraint AS c
        JOIN pg_class AS f ON f.oid = c.confrelid
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
        WHERE c.contype = 'f' AND c.conrelid = $1::text::regclass""",
)


class Table(NamedTuple):
    """A table in tuples.

    Attributes:
        columns: name, type, is required, default.
        indexes: name if we gave it one, unique, primary, partial, columns.
        references: column, table, what happens on deletion.
    """

    columns: frozenset[tuple[Any, ...]]
    indexes: frozenset[tuple[Any, ...]]
    references: frozenset[tuple[Any, ...]]


async def schema_of(database: Database) -> dict[str, Table]:
    names = sorted(row[0] for row in await database.fetch(_TABLES))
    return {name: await _table(database, name) for name in names}


async def _table(database: Database, name: str) -> Table:
    indexes = await database.fetch(_INDEXES, name)
    return Table(
        columns=frozenset(await database.fetch(_COLUMNS, name)),
        indexes=frozenset((_own_name(row[0], name), *map(str, row[1:])) for row in indexes),
        references=frozenset(await database.fetch(_REFERENCES, name)),
    )


def _own_name(index: str, table: str) -> str:
    """The databases name the indexes of constraints, each in its way."""
    is_made_up = index.startswith("sqlite_autoindex") or index.endswith(("_pkey", "_key"))
    return f"constraint of {table}" if is_made_up else index

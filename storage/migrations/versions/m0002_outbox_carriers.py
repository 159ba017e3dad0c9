"""The outbox for several nodes, several destinations, and publishers in any language."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# `destination` is "" for the hub, else the name of a sink. Rows of one `order_key` ("" means the channel) leave in
# order: that of `seq` on PostgreSQL, where several nodes with clocks of their own write, that of `id` on SQLite. `part`
# is a number from 0 to 15 made of the order key: one node at a time takes what is left in a part. `tags` and `headers`
# are JSON objects of strings. `at_ms` is when the row was last in a node's hands, 0 for nobody's.
_COLUMNS = """
        destination text NOT NULL DEFAULT '',
        order_key text NOT NULL DEFAULT '',
        part bigint NOT NULL DEFAULT 0,
        seq bigint NOT NULL DEFAULT 0,
        tags text,
        headers text,
        idempotency_key text NOT NULL DEFAULT ''"""

# SQLite keeps the table in the order of its key: what is waiting for one destination lies together.
_SQLITE = (
    f"""CREATE TABLE outbox_0002 (
        id text NOT NULL,
        channel text NOT NULL,
        data text NOT NULL,
        at_ms bigint NOT NULL,{_COLUMNS},
        PRIMARY KEY (destination, id)
    ) WITHOUT ROWID""",
    """INSERT INTO outbox_0002 (id, channel, data, at_ms, order_key)
        SELECT id, channel, data, at_ms, channel FROM outbox""",
    "DROP TABLE outbox",
    "ALTER TABLE outbox_0002 RENAME TO outbox",
)

_POSTGRES = (
    *(f"ALTER TABLE outbox ADD COLUMN {column.strip()}" for column in _COLUMNS.split(",")),
    # Its name is PostgreSQL's own.
    "ALTER TABLE outbox DROP CONSTRAINT outbox_pkey",
    "ALTER TABLE outbox ADD CONSTRAINT outbox_pkey PRIMARY KEY (destination, id)",
    # No cache: a later statement has a higher number, whichever connection it runs on.
    "CREATE SEQUENCE outbox_seq CACHE 1",
    """UPDATE outbox SET seq = sorted.seq, order_key = outbox.channel
        FROM (SELECT id, nextval('outbox_seq') AS seq FROM (SELECT id FROM outbox ORDER BY id) AS ids) AS sorted
        WHERE outbox.id = sorted.id""",
)

# Empty on SQLite, where `seq` is not used: one database's order is not worth a tree to the other.
_SHARED = (
    "CREATE INDEX outbox_by_seq ON outbox (destination, seq) WHERE seq > 0",
    "CREATE INDEX outbox_by_order_key ON outbox (destination, order_key, seq) WHERE seq > 0",
    "CREATE TABLE outbox_nodes (node text PRIMARY KEY, until_ms bigint NOT NULL)",
    """CREATE TABLE outbox_parts (
        part bigint PRIMARY KEY,
        owner text NOT NULL,
        until_ms bigint NOT NULL
    )""",
    "INSERT INTO outbox_parts (part, owner, until_ms) VALUES " + ", ".join(f"({part}, '', 0)" for part in range(16)),
)

_FUNCTION_ARGUMENTS = "text, jsonb, jsonb, text, text"


def _function(schema: str) -> str:
    """For everybody who may execute it, in their own transaction. It runs with the rights of whoever migrates.

    What it refers to is named in full: a temporary table of the caller's must not take the place of ours.
    """
    return f"""CREATE FUNCTION syncline_publish(
        channel text, data jsonb, tags jsonb DEFAULT NULL, idempotency_key text DEFAULT NULL,
        order_key text DEFAULT NULL
    ) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
    DECLARE
        made text := pg_catalog.gen_random_uuid()::text;
        ordered text := coalesce(nullif(syncline_publish.order_key, ''), syncline_publish.channel);
        place bigint;
    BEGIN
        IF coalesce(channel, '') = '' THEN
            RAISE EXCEPTION 'syncline_publish: channel must not be empty' USING ERRCODE = '22023';
        ELSIF octet_length(channel) > 255 THEN
            RAISE EXCEPTION 'syncline_publish: channel is % bytes long, 255 are allowed', octet_length(channel)
                USING ERRCODE = '22023';
        ELSIF data IS NULL THEN
            RAISE EXCEPTION 'syncline_publish: data must not be null'
                USING ERRCODE = '22004', HINT = 'JSON null is ''null''::jsonb.';
        ELSIF octet_length(idempotency_key) > 255 OR octet_length(order_key) > 255 THEN
            RAISE EXCEPTION 'syncline_publish: idempotency_key and order_key may be 255 bytes long'
                USING ERRCODE = '22023';
        ELSIF jsonb_typeof(tags) <> 'object' THEN
            RAISE EXCEPTION 'syncline_publish: tags must be an object, not %', jsonb_typeof(tags)
                USING ERRCODE = '22023';
        ELSIF EXISTS (SELECT FROM jsonb_each(CASE WHEN jsonb_typeof(tags) = 'object' THEN tags ELSE '{{}}' END) AS tag
                WHERE jsonb_typeof(tag.value) <> 'string') THEN
            RAISE EXCEPTION 'syncline_publish: every tag must be a string' USING ERRCODE = '22023';
        END IF;
        place := get_byte(sha256(convert_to(ordered, 'UTF8')), 0) >> 4;
        INSERT INTO {schema}.outbox AS row
            (id, channel, data, at_ms, destination, order_key, part, seq, tags, idempotency_key)
        VALUES (made, syncline_publish.channel, syncline_publish.data::text, 0, '', ordered, place,
            nextval('{schema}.outbox_seq'), syncline_publish.tags::text,
            coalesce(syncline_publish.idempotency_key, ''));
        PERFORM pg_notify('syncline_outbox', place::text);
        RETURN made;
    END $function$"""


def upgrade() -> None:
    bind = op.get_bind()
    is_sqlite = bind.dialect.name == "sqlite"
    for statement in (*(_SQLITE if is_sqlite else _POSTGRES), *_SHARED):
        op.execute(statement)
    if not is_sqlite:
        schema = bind.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
        bind.exec_driver_sql(_function(schema))
        bind.exec_driver_sql(f"REVOKE ALL ON FUNCTION syncline_publish({_FUNCTION_ARGUMENTS}) FROM PUBLIC")


_SQLITE_DOWN = (
    """CREATE TABLE outbox_0001 (
        id text PRIMARY KEY,
        channel text NOT NULL,
        data text NOT NULL,
        at_ms bigint NOT NULL
    ) WITHOUT ROWID""",
    "INSERT INTO outbox_0001 (id, channel, data, at_ms) SELECT id, channel, data, at_ms FROM outbox",
    "DROP TABLE outbox",
    "ALTER TABLE outbox_0001 RENAME TO outbox",
)

_POSTGRES_DOWN = (
    f"DROP FUNCTION syncline_publish({_FUNCTION_ARGUMENTS})",
    "DROP INDEX outbox_by_seq",
    "DROP INDEX outbox_by_order_key",
    "ALTER TABLE outbox DROP CONSTRAINT outbox_pkey",
    "ALTER TABLE outbox ADD CONSTRAINT outbox_pkey PRIMARY KEY (id)",
    *(f"ALTER TABLE outbox DROP COLUMN {column.split()[0]}" for column in _COLUMNS.split(",")),
    "DROP SEQUENCE outbox_seq",
)


def downgrade() -> None:
    """What was on its way to a sink is lost: the version before knows none."""
    op.execute("DROP TABLE outbox_parts")
    op.execute("DROP TABLE outbox_nodes")
    op.execute("DELETE FROM outbox WHERE destination <> ''")
    for statement in _SQLITE_DOWN if op.get_bind().dialect.name == "sqlite" else _POSTGRES_DOWN:
        op.execute(statement)

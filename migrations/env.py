"""Alembic's door: the owner's connection is handed in by `db.migrate`, or made from DB_URL on the command line."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, make_url

import db.unit_of_work  # noqa: F401  # every table registers itself
from db.migrate import is_ours
from db.repository import Base
from openbell.settings import load_settings


def run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, include_object=is_ours, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    handed: Any = context.config.attributes.get("connection")
    if handed is not None:
        run(handed)
        return
    db_url = load_settings().db_url
    if db_url is None:
        raise SystemExit("Set DB_URL to the owner's address, or use: openbell db upgrade")
    with create_engine(make_url(db_url.get_secret_value())).connect() as connection:
        run(connection)


main()

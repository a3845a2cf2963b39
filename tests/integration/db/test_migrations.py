"""The schema on a real server: up, down and up again, and as the models say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text

from db import migrate
from db.repository import Base


def driver(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def test_the_schema_goes_up_down_and_up_again(empty_database_url: str, secret_key: str) -> None:
    assert migrate.upgrade(empty_database_url, secret_key) >= 1
    assert migrate.upgrade(empty_database_url, secret_key) == 0
    migrate.downgrade(empty_database_url)
    engine = create_engine(driver(empty_database_url))
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
        )
        assert {row.relname for row in left} == {"alembic_version"}
    engine.dispose()
    assert migrate.upgrade(empty_database_url, secret_key) >= 1
    current, head = migrate.current_and_head(driver(empty_database_url))
    assert current == head


def test_the_models_match_the_migrated_database(owner_database_url: str) -> None:
    engine = create_engine(driver(owner_database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": migrate.is_ours, "compare_type": True, "compare_server_default": True},
        )
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()

"""Prepared statements and array arguments mean what the plain ones mean, on every connection and after any fault."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.arrays import as_array
from db.engine import Database
from db.prepared import execute_prepared

DIVIDED = text("SELECT 10 / CAST(:by AS integer) AS answer, '100%' AS sign, 'a:b'::text AS colon")
UNNESTED = text("""
SELECT number, word, instant FROM unnest(CAST(:numbers AS bigint[]), CAST(:words AS text[]),
    CAST(:instants AS timestamptz[])) WITH ORDINALITY AS g (number, word, instant, place) ORDER BY place
""")


def test_a_statement_is_prepared_once_for_a_connection(house_database: Database) -> None:
    with house_database.platform.connect() as connection:
        for _ in range(3):
            with house_database.for_platform() as uow:
                row = execute_prepared(uow.session, DIVIDED, {"by": 2}).one()
                assert (row.answer, row.sign, row.colon) == (5, "100%", "a:b")
                uow.commit()
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one() == 0
    with house_database.for_platform() as uow:
        execute_prepared(uow.session, DIVIDED, {"by": 2})
        count = text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'openbell%'")
        assert uow.session.execute(count).scalar_one() == 1


def test_a_rolled_back_transaction_leaves_it_usable(house_database: Database) -> None:
    for _ in range(2):
        with house_database.for_platform() as uow, pytest.raises(DBAPIError):
            execute_prepared(uow.session, DIVIDED, {"by": 0})
        with house_database.for_platform() as uow:
            assert execute_prepared(uow.session, DIVIDED, {"by": 5}).one().answer == 2


def test_a_connection_made_anew_prepares_anew(house_database: Database) -> None:
    with house_database.for_platform() as uow:
        execute_prepared(uow.session, DIVIDED, {"by": 5})
        ours = uow.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with house_database.for_platform() as killed, pytest.raises(DBAPIError):
        killed.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with house_database.for_platform() as uow:
        assert execute_prepared(uow.session, DIVIDED, {"by": 5}).one().answer == 2
        assert uow.session.execute(text("SELECT pg_backend_pid()")).scalar_one() != ours


WORDS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12))
NUMBERS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
INSTANTS = st.one_of(
    st.none(),
    st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.sampled_from(  # bounds
        [UTC, timezone(timedelta(hours=5, minutes=30))])),
)  # fmt: skip


@given(st.lists(st.tuples(NUMBERS, WORDS, INSTANTS), max_size=8))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrays_arrive_as_they_were(
    house_database: Database, rows: list[tuple[int | None, str | None, datetime | None]]
) -> None:
    columns = {
        "numbers": [a for a, _, _ in rows],
        "words": [b for _, b, _ in rows],
        "instants": [c for _, _, c in rows],
    }
    with house_database.for_platform() as uow:
        found = [tuple(row) for row in execute_prepared(uow.session, UNNESTED, columns)]
    assert found == rows


@pytest.mark.parametrize("word", ["NULL", "null", "", "{}", 'a"b', "a\\b", "a,b", " ", "\n", "\\", "%s", ":x"])
def test_odd_words_are_words(house_database: Database, word: str) -> None:
    with house_database.for_platform() as uow:
        given_ = {"numbers": [1], "words": [word], "instants": [None]}
        assert execute_prepared(uow.session, UNNESTED, given_).one().word == word


def test_an_empty_array_is_one() -> None:
    assert as_array([]) == "{}"

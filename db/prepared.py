"""Statements that the server plans once for each connection: with many partitions, planning is most of the work.

psycopg2 sends every statement as text, to be parsed and planned anew. Those that serve every run of every job are
prepared instead, with a plan that suits any arguments.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.orm import Session

from db.arrays import as_array

_NAMED = re.compile(r"(?<![:\w]):([a-z_]+)")
_READY = "openbell_prepared"


@dataclass(frozen=True)
class _Prepared:
    """How a statement is prepared, and how it is executed afterwards."""

    name: str
    definition: str
    execution: TextClause


def execute_prepared(session: Session, statement: TextClause, given: Mapping[str, Any]) -> CursorResult[Any]:
    """As `session.execute` does it, but planned once for each connection of the pool.

    Every argument must be one whose type the statement tells, as ``CAST(:ids AS bigint[])`` does; lists become arrays.
    """
    prepared = _prepared(statement.text)
    connection = session.connection()
    ready: set[str] = connection.info.setdefault(_READY, set())  # lives and ends with the server's connection
    if prepared.name not in ready:
        connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(prepared.definition)
        ready.add(prepared.name)
    arguments = {name: as_array(value) if isinstance(value, list) else value for name, value in given.items()}
    return connection.execute(prepared.execution, arguments)


@cache
def _prepared(sql: str) -> _Prepared:
    order = list(dict.fromkeys(_NAMED.findall(sql)))
    body = _NAMED.sub(lambda found: f"${order.index(found[1]) + 1}", sql)
    name = f"openbell_{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
    arguments = f"({', '.join(f':{each}' for each in order)})" if order else ""
    return _Prepared(name, f"PREPARE {name} AS {body}".replace("%", "%%"), text(f"EXECUTE {name}{arguments}"))

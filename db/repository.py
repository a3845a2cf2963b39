"""What every table and every repository shares."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from sqlalchemy import BigInteger, DateTime, Identity, MetaData, func
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column


class Base(DeclarativeBase):
    """Every mapped table; instants are timestamptz, whole numbers bigint unless said otherwise."""

    metadata = MetaData()
    type_annotation_map = {datetime: DateTime(timezone=True), int: BigInteger}  # noqa: RUF012  # SQLAlchemy's own form


Id = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
Created = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]

Model = TypeVar("Model", bound=Base)


class BaseRepository(Generic[Model]):
    """Rows of one table by their identity; a repository earns its place by naming our questions beside these."""

    model: type[Model]

    def __init__(self, session: Session) -> None:
        self.session = session

    def get_by_id(self, identity: int) -> Model | None:
        return self.session.get(self.model, identity)

    def create(self, **values: Any) -> Model:
        """A new row, with its identity known; it stays only if the unit of work commits."""
        row = self.model(**values)
        self.session.add(row)
        self.session.flush()
        return row

    def update(self, identity: int, **values: Any) -> Model | None:
        row = self.get_by_id(identity)
        if row is not None:
            for name, value in values.items():
                setattr(row, name, value)
            self.session.flush()
        return row

    def delete(self, identity: int) -> bool:
        row = self.get_by_id(identity)
        if row is None:
            return False
        self.session.delete(row)
        self.session.flush()
        return True

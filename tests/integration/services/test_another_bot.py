"""Another bot in the same database: what the one before left behind is not taken for its own."""

import json
from datetime import UTC, datetime

from db.engine import Database
from services.telegram import TelegramService
from tests.factories import Rows


def test_another_bot_counts_its_updates_messages_and_menus_anew(house_database: Database, rows: Rows) -> None:
    def service() -> TelegramService:
        return TelegramService(house_database.for_platform())

    def keep(update_id: int) -> bool:
        with house_database.for_platform() as uow:
            kept = uow.inbox.keep([update_id], [7], [json.dumps({"update_id": update_id})])
            uow.commit()
            return bool(kept)

    assert not service().speaks_as(4242)
    assert keep(740_000_001)
    assert service().claim("m:7:1") == "new"
    service().menu_was_set("strangers", "abc")
    assert not service().speaks_as(4242)
    assert not keep(740_000_001)
    assert service().claim("m:7:1") == "interrupted"
    assert service().menu_is("strangers", "abc")

    assert service().speaks_as(5151)
    assert keep(740_000_001)
    assert service().claim("m:7:1") == "new"
    assert not service().menu_is("strangers", "abc")
    assert not service().speaks_as(5151)


def test_what_was_kept_before_we_noted_a_bot_stays(house_database: Database, rows: Rows) -> None:
    service = TelegramService(house_database.for_platform())
    assert service.claim("m:7:1") == "new"
    form = service.begin(7, rows.person().id, "proposal", {}, now=datetime.now(UTC))
    assert not service.speaks_as(4242)
    assert service.claim("m:7:1") == "interrupted"
    assert service.form(7, form, now=datetime.now(UTC)) is not None

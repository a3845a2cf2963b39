"""The gate: who is heard, whose word may act, whose button it is; with updates as Telegram writes them."""

from typing import Any

import pytest
from telegram import Bot, CallbackQuery, Message, Update

from bot import access
from bot.access import Anonymous, Forwarded, NotYours
from bot.journey import as_in_group, split

BOT = Bot("1:token")
GROUP = {"id": -1001, "type": "supergroup", "title": "Desk"}
ADA = {"id": 1000, "is_bot": False, "first_name": "Ada"}
EVE = {"id": 666, "is_bot": False, "first_name": "Ada"}
GROUP_BOT = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
CHANNEL_BOT = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
OTHER_BOT = {"id": 55, "is_bot": True, "first_name": "Other", "username": "other_bot"}
TELEGRAM = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
NEWS = {"id": -1002, "type": "channel", "title": "News"}


def said(**values: Any) -> Message:
    given = {"message_id": 5, "date": 1790000000, "chat": GROUP, "from": ADA, "text": "/link"} | values
    update = Update.de_json({"update_id": 1, "message": given}, BOT)
    assert update.message is not None
    return update.message


def pressed(by: dict[str, Any], **message: Any) -> CallbackQuery:
    shown = {"message_id": 6, "date": 1790000000, "chat": GROUP, "from": OTHER_BOT, "text": "jobs"} | message
    query = {"id": "1", "from": by, "chat_instance": "1", "data": "n:24", "message": shown}
    found = Update.de_json({"update_id": 1, "callback_query": query}, BOT).callback_query
    assert found is not None
    return found


@pytest.mark.parametrize(
    "values",
    [
        {"chat": NEWS, "sender_chat": NEWS, "from": None},
        {"from": TELEGRAM, "sender_chat": NEWS, "is_automatic_forward": True},
        {"from": OTHER_BOT},
        {"from": None},
    ],
    ids=["a channel's post", "a channel's post in its group", "another bot", "nobody"],
)
def test_what_nobody_said_to_us_is_not_heard(values: dict[str, Any]) -> None:
    assert not access.is_heard(said(**values))


@pytest.mark.parametrize(
    "values",
    [{"from": GROUP_BOT, "sender_chat": GROUP}, {"from": CHANNEL_BOT, "sender_chat": NEWS}, {"sender_chat": NEWS}],
    ids=["an anonymous admin", "a person as a channel", "a channel under a person's name"],
)
def test_who_hides_behind_a_chat_is_heard_and_refused(values: dict[str, Any]) -> None:
    message = said(**values)
    assert access.is_heard(message)
    with pytest.raises(Anonymous):
        access.check_message(message)


def test_a_person_in_a_group_is_heard() -> None:
    access.check_message(said())
    access.check_acts(said())


@pytest.mark.parametrize(
    "values",
    [
        {"forward_origin": {"type": "hidden_user", "sender_user_name": "Ada", "date": 1790000000}},
        {"forward_origin": {"type": "user", "sender_user": ADA, "date": 1790000000}},
        {"via_bot": OTHER_BOT},
    ],
    ids=["forwarded from who hides", "forwarded from oneself", "by way of a bot"],
)
def test_what_its_sender_did_not_write_acts_nowhere(values: dict[str, Any]) -> None:
    with pytest.raises(Forwarded):
        access.check_acts(said(**values))


def test_a_page_is_turned_by_who_asked_and_by_nobody_of_the_same_name() -> None:
    asked = {"message_id": 5, "date": 1790000000, "chat": GROUP, "from": ADA, "text": "/next"}
    access.check_reader(pressed(ADA, reply_to_message=asked))
    for query in (
        pressed(EVE, reply_to_message=asked),
        pressed(ADA),
        pressed(ADA, date=0),  # a message that Telegram does not tell any more
    ):
        with pytest.raises(NotYours):
            access.check_reader(query)


def test_in_a_private_chat_only_its_person_presses() -> None:
    private = {"id": 1000, "type": "private", "first_name": "Ada"}
    access.check_press(pressed(ADA, chat=private))
    with pytest.raises(NotYours):
        access.check_press(pressed(EVE, chat=private))


def test_a_topic_is_one_only_where_telegram_says_so() -> None:
    assert access.topic_of(said(message_thread_id=77, is_topic_message=True)) == 77
    assert access.topic_of(said(message_thread_id=77)) == 0, "a chain of replies has a number too"
    assert access.topic_of(said()) == 0


def test_a_command_names_its_bot_or_none() -> None:
    assert split("/Jobs@Our_bot #gold") == ("jobs", "Our_bot", ["#gold"])
    assert split("/jobs") == ("jobs", "", [])
    assert as_in_group("start", ["link"]) == ("link", [])
    assert as_in_group("start", ["i_token"]) == ("start", ["i_token"])

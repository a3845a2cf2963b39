"""Groups of the sandbox, as a bot meets them through python-telegram-bot."""

import pytest
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, ChatMigrated, Forbidden

from tests.integration.sandbox.conftest import World


async def test_what_is_said_in_a_topic_carries_it_and_an_answer_finds_its_way(world: World) -> None:
    group = world.ada.make_group("Desk", world.sandbox.person("Bob"))
    gold = world.ada.make_topic(group, "Gold")
    await world.ada.send("/jobs", chat_id=group, thread_id=gold)
    update = (await world.bot.get_updates())[-1]
    assert update.message is not None
    assert (update.message.message_thread_id, update.message.is_topic_message) == (gold, True)
    assert update.message.chat.is_forum
    await update.message.reply_text("in there")
    newest = world.ada.last(chat_id=group)
    assert newest is not None
    assert (newest["text"], newest["message_thread_id"]) == ("in there", gold)


async def test_a_topic_that_is_gone_refuses_and_so_does_the_general_one(world: World) -> None:
    group = world.ada.make_group("Desk")
    gold = world.ada.make_topic(group, "Gold")
    world.sandbox.messenger.groups.remove_topic(group, gold)
    for thread in (gold, 1):
        with pytest.raises(BadRequest, match=r"(?i)message thread not found"):
            await world.bot.send_message(group, "hello", message_thread_id=thread)


async def test_an_anonymous_admin_speaks_as_the_group(world: World) -> None:
    group = world.ada.make_group("Desk")
    await world.ada.send("/jobs", chat_id=group, anonymous=True)
    message = (await world.bot.get_updates())[-1].message
    assert message is not None
    assert message.from_user is not None
    assert message.sender_chat is not None
    assert (message.from_user.id, message.sender_chat.id) == (1087968824, group)
    assert world.ada.messages(chat_id=group)[-1]["out"], "it was not our bot that wrote it"


async def test_a_bot_that_is_put_out_hears_of_it_and_may_not_write(world: World) -> None:
    group = world.ada.make_group("Desk")
    world.sandbox.messenger.groups.put_out(group, world.ada.id)
    with pytest.raises(Forbidden, match="kicked"):
        await world.bot.send_message(group, "hello")
    world.sandbox.messenger.groups.let_in(group, world.ada.id)
    await world.bot.send_message(group, "hello")
    ranks = [
        each.my_chat_member.new_chat_member.status for each in await world.bot.get_updates() if each.my_chat_member
    ]
    assert ranks == ["member", "kicked", "member"]


async def test_a_basic_group_that_becomes_a_supergroup_names_its_new_number(world: World) -> None:
    old = world.ada.make_group("Desk", world.sandbox.person("Bob"), basic=True)
    new = world.sandbox.messenger.groups.migrate(old, world.ada.id)
    with pytest.raises(ChatMigrated) as caught:
        await world.bot.send_message(old, "hello")
    assert caught.value.new_chat_id == new
    await world.bot.send_message(new, "hello")
    told = [update.message for update in await world.bot.get_updates() if update.message is not None]
    assert [(each.chat.id, each.migrate_to_chat_id or each.migrate_from_chat_id) for each in told] == [
        (old, new),
        (new, old),
    ]


async def test_members_are_raised_and_leave(world: World) -> None:
    bob = world.sandbox.person("Bob")
    group = world.ada.make_group("Desk", bob)
    for rank in (ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.LEFT):
        world.sandbox.messenger.groups.rank(group, bob.id, rank)
        assert (await world.bot.get_chat_member(group, bob.id)).status == rank

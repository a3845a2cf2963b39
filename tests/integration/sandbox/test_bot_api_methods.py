"""Each supported method, called by python-telegram-bot over HTTP and read back by its own parser."""

import io
from datetime import UTC, datetime, timedelta

from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    CopyTextButton,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    LinkPreviewOptions,
    MenuButtonCommands,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
)
from telegram.constants import ChatAction, ChatMemberStatus, ParseMode

from tests.integration.sandbox.conftest import World

BUTTONS = InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data="go:1")]])


async def test_the_bot_learns_who_it_is(world: World) -> None:
    me = await world.bot.get_me()
    assert me.is_bot
    assert (me.id, me.username) == (4242, "sandbox_bot")


async def test_a_text_arrives_with_entities_as_the_person_wrote_it(world: World) -> None:
    await world.ada.send("😀 /run 7 for ada@example.com")
    (update,) = await world.bot.get_updates()
    message = update.message
    assert message
    assert message.from_user
    assert message.from_user.full_name == "Ada Lovelace"
    assert message.from_user.language_code == "de"
    assert message.chat.type == "private"
    assert message.parse_entities() == {
        message.entities[0]: "/run",
        message.entities[1]: "ada@example.com",
    }
    assert abs(message.date - datetime.now(UTC)) < timedelta(seconds=5)


async def test_a_formatted_text_comes_back_as_text_and_entities(world: World) -> None:
    sent = await world.bot.send_message(
        world.chat,
        '<b>Next</b>: 😀 <tg-time unix="1647531900" format="wDT">soon</tg-time>',
        ParseMode.HTML,
        reply_markup=BUTTONS,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        disable_notification=True,
        protect_content=True,
    )
    assert sent.text == "Next: 😀 soon"
    assert [(e.type, e.offset, e.length) for e in sent.entities] == [("bold", 0, 4), ("date_time", 9, 4)]
    assert sent.entities[1].unix_time == datetime.fromtimestamp(1647531900, UTC)
    assert sent.reply_markup == BUTTONS
    assert sent.has_protected_content
    assert sent.from_user
    assert sent.from_user.is_bot
    assert world.ada.buttons() == ["Go"]


async def test_markdown_and_explicit_entities_are_taken(world: World) -> None:
    first = await world.bot.send_message(world.chat, r"*bold* and 1\.5", ParseMode.MARKDOWN_V2)
    second = await world.bot.send_message(world.chat, "bold", entities=[MessageEntity("bold", 0, 4)])
    assert first.text == "bold and 1.5"
    assert [e.type for e in (*first.entities, *second.entities)] == ["bold", "bold"]


async def test_a_mention_by_id_names_the_person_and_a_strangers_is_left_out(world: World) -> None:
    source = f'<a href="tg://user?id={world.ada.id}">Ada</a> <a href="tg://user?id=1">Nobody</a>'
    sent = await world.bot.send_message(world.chat, source, ParseMode.HTML)
    (entity,) = sent.entities
    assert entity.user
    assert entity.user.first_name == "Ada"


async def test_a_reply_shows_what_it_answers(world: World) -> None:
    question = await world.ada.send("really?")
    sent = await world.bot.send_message(world.chat, "yes", reply_parameters=ReplyParameters(question["message_id"]))
    assert sent.reply_to_message
    assert sent.reply_to_message.text == "really?"
    lost = ReplyParameters(9999, allow_sending_without_reply=True)
    assert (await world.bot.send_message(world.chat, "yes", reply_parameters=lost)).reply_to_message is None


async def test_a_keyboard_under_the_input_is_shown_used_and_taken_away(world: World) -> None:
    keyboard = ReplyKeyboardMarkup([["Yes", "No"]], one_time_keyboard=True)
    sent = await world.bot.send_message(world.chat, "Well?", reply_markup=keyboard)
    assert sent.reply_markup is None
    shown = world.ada.keyboard()
    assert shown
    assert [button["text"] for button in shown["keyboard"][0]] == ["Yes", "No"]
    await world.ada.press("Yes")
    assert world.ada.keyboard() is None
    (update,) = await world.bot.get_updates()
    assert update.message
    assert update.message.text == "Yes"
    await world.bot.send_message(world.chat, "Name?", reply_markup=ForceReply(input_field_placeholder="name"))
    assert (world.ada.keyboard() or {})["force_reply"]
    await world.bot.send_message(world.chat, "Never mind", reply_markup=ReplyKeyboardRemove())
    assert world.ada.keyboard() is None


async def test_a_photo_is_kept_found_downloaded_and_sent_again(world: World, picture: bytes) -> None:
    sent = await world.bot.send_photo(world.chat, picture, caption="<i>chart</i>", parse_mode="HTML", has_spoiler=True)
    (size,) = sent.photo
    assert (size.width, size.height, size.file_size) == (40, 30, len(picture))
    assert sent.caption == "chart"
    assert sent.has_media_spoiler
    file = await world.bot.get_file(size.file_id)
    assert bytes(await file.download_as_bytearray()) == picture
    again = await world.bot.send_photo(world.chat, size.file_id)
    assert again.photo[0].file_unique_id == size.file_unique_id


async def test_a_document_keeps_its_name_type_and_content(world: World) -> None:
    content = io.BytesIO(b"a,b\n1,2\n")
    sent = await world.bot.send_document(world.chat, content, filename="figures.csv", caption="x")
    assert sent.document
    assert (sent.document.file_name, sent.document.mime_type) == ("figures.csv", "text/csv")
    file = await world.bot.get_file(sent.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"a,b\n1,2\n"


async def test_a_persons_file_reaches_the_bot(world: World) -> None:
    await world.ada.send_file("mine.csv", b"a,b\n", caption="/import")
    (update,) = await world.bot.get_updates()
    assert update.message
    assert update.message.document
    assert update.message.document.file_name == "mine.csv"
    assert update.message.caption_entities[0].type == "bot_command"


async def test_an_album_is_one_group_of_messages(world: World, picture: bytes) -> None:
    photos = await world.bot.send_media_group(
        world.chat, [InputMediaPhoto(picture, caption="one"), InputMediaPhoto(picture)]
    )
    assert len({message.media_group_id for message in photos}) == 1
    assert [message.caption for message in photos] == ["one", None]
    files = [InputMediaDocument(b"1", filename="1.txt"), InputMediaDocument(b"2", filename="2.txt")]
    documents = await world.bot.send_media_group(world.chat, files)
    assert [m.document.file_name for m in documents if m.document] == ["1.txt", "2.txt"]


async def test_texts_captions_buttons_and_media_are_edited(world: World, picture: bytes) -> None:
    text = await world.bot.send_message(world.chat, "one", reply_markup=BUTTONS)
    edited = await world.bot.edit_message_text("two", world.chat, text.message_id)
    assert not isinstance(edited, bool)
    assert (edited.text, edited.reply_markup) == ("two", None)
    assert edited.edit_date
    marked = await world.bot.edit_message_reply_markup(world.chat, text.message_id, reply_markup=BUTTONS)
    assert not isinstance(marked, bool)
    assert (marked.text, marked.reply_markup) == ("two", BUTTONS)
    photo = await world.bot.send_photo(world.chat, picture, caption="one")
    captioned = await world.bot.edit_message_caption(world.chat, photo.message_id, caption="two")
    assert not isinstance(captioned, bool)
    assert (captioned.caption, captioned.photo) == ("two", photo.photo)
    replaced = await world.bot.edit_message_media(
        InputMediaDocument(b"x", filename="x.txt"), world.chat, photo.message_id
    )
    assert not isinstance(replaced, bool)
    assert replaced.document
    assert not replaced.photo


async def test_messages_are_deleted_one_by_one_and_together(world: World) -> None:
    ids = [(await world.bot.send_message(world.chat, f"m{n}")).message_id for n in range(3)]
    assert await world.bot.delete_message(world.chat, ids[0])
    assert await world.bot.delete_messages(world.chat, [*ids[1:], 9999])
    assert world.ada.replies() == []


async def test_messages_are_forwarded_and_copied(world: World) -> None:
    source = await world.bot.send_message(world.chat, "<b>x</b>", ParseMode.HTML)
    forwarded = await world.bot.forward_message(world.chat, world.chat, source.message_id)
    copied = await world.bot.copy_message(world.chat, world.chat, source.message_id)
    assert forwarded.forward_origin
    assert forwarded.text == "x"
    newest = world.ada.last()
    assert newest
    assert (newest["message_id"], newest["entities"][0]["type"]) == (copied.message_id, "bold")


async def test_a_press_arrives_and_its_answer_goes_back(world: World) -> None:
    sent = await world.bot.send_message(world.chat, "Go?", reply_markup=BUTTONS)
    press = await world.ada.press("Go")
    (update,) = await world.bot.get_updates()
    query = update.callback_query
    assert query
    assert query.message
    assert (query.data, query.message.message_id, query.from_user.id) == ("go:1", sent.message_id, world.ada.id)
    assert query.chat_instance
    await query.answer("done", show_alert=True)
    assert await press.answer() == {"text": "done", "show_alert": True, "url": ""}


async def test_buttons_with_links_copies_and_styles_are_kept(world: World) -> None:
    markup = InlineKeyboardMarkup([[
        InlineKeyboardButton("Open", url="https://example.com/"),
        InlineKeyboardButton("Copy", copy_text=CopyTextButton("30 8 * * 1-5")),
        InlineKeyboardButton("Delete", callback_data="d", api_kwargs={"style": "danger"}),
    ]])  # fmt: skip
    await world.bot.send_message(world.chat, "x", reply_markup=markup)
    shown = world.ada.last()
    assert shown
    assert shown["reply_markup"]["inline_keyboard"][0] == [
        {"text": "Open", "url": "https://example.com/"},
        {"text": "Copy", "copy_text": {"text": "30 8 * * 1-5"}},
        {"text": "Delete", "callback_data": "d", "style": "danger"},
    ]


async def test_an_edit_by_the_person_is_an_update_of_its_own(world: World) -> None:
    sent = await world.ada.send("/run 1")
    await world.ada.edit(sent["message_id"], "/run 12")
    first, second = await world.bot.get_updates()
    assert first.message
    assert second.edited_message
    assert second.edited_message.text == "/run 12"
    assert second.edited_message.edit_date


async def test_command_menus_follow_scope_and_language(world: World) -> None:
    await world.bot.set_my_commands([BotCommand("start", "Begin")])
    await world.bot.set_my_commands([BotCommand("group", "Group")], scope=BotCommandScopeAllGroupChats())
    assert world.ada.commands() == ["start"]
    private = BotCommandScopeAllPrivateChats()
    await world.bot.set_my_commands([BotCommand("begin", "Begin")], scope=private)
    await world.bot.set_my_commands([BotCommand("los", "Los")], scope=private, language_code="de")
    assert world.ada.commands() == ["los"]
    own = BotCommandScopeChat(world.chat)
    await world.bot.set_my_commands([BotCommand("jobs", "Jobs"), BotCommand("help", "Help")], scope=own)
    assert world.ada.commands() == ["jobs", "help"]
    assert [c.command for c in await world.bot.get_my_commands(scope=own)] == ["jobs", "help"]
    assert await world.bot.delete_my_commands(scope=own)
    assert await world.bot.get_my_commands(scope=own) == ()
    assert world.ada.commands() == ["los"]


async def test_names_descriptions_and_the_menu_button_are_kept(world: World) -> None:
    await world.bot.set_my_name("Bell")
    await world.bot.set_my_description("Long", language_code="de")
    await world.bot.set_my_short_description("Short")
    assert (await world.bot.get_my_name()).name == "Bell"
    assert (await world.bot.get_my_description("de")).description == "Long"
    assert (await world.bot.get_my_description()).description == ""
    assert (await world.bot.get_my_short_description()).short_description == "Short"
    assert await world.bot.set_chat_menu_button(world.chat, MenuButtonCommands())
    assert (await world.bot.get_chat_menu_button(world.chat)).type == "commands"
    assert (await world.bot.get_me()).first_name == "Bell"


async def test_chats_members_actions_and_reactions(world: World) -> None:
    chat = await world.bot.get_chat(world.chat)
    assert chat.full_name == "Ada Lovelace"
    member = await world.bot.get_chat_member(world.chat, world.ada.id)
    assert member.status == ChatMemberStatus.MEMBER
    assert await world.bot.send_chat_action(world.chat, ChatAction.TYPING)
    sent = await world.ada.send("hello")
    assert await world.bot.set_message_reaction(world.chat, sent["message_id"], ReactionTypeEmoji("👍"))
    assert world.ada.messages()[-1]["extra"]["reactions"] == ["👍"]


async def test_a_group_has_administrators_and_privacy(world: World) -> None:
    group = world.sandbox.group("Desk", world.ada, world.sandbox.person("Bob"))
    await world.ada.send("just chatting", chat_id=group)
    await world.ada.send("/jobs", chat_id=group)
    await world.ada.send("/jobs@other_bot", chat_id=group)
    joined, command = await world.bot.get_updates()
    assert joined.my_chat_member
    assert joined.my_chat_member.new_chat_member.status == "member"
    assert command.message
    assert (command.message.text, command.message.chat.title) == ("/jobs", "Desk")
    (owner,) = await world.bot.get_chat_administrators(group)
    assert owner.user.id == world.ada.id
    assert await world.bot.get_chat_member_count(group) == 3
    await world.bot.send_message(group, "hello all")
    newest = world.ada.last(chat_id=group)
    assert newest
    assert newest["text"] == "hello all"


async def test_blocking_and_coming_back_are_told(world: World) -> None:
    await world.ada.block()
    await world.ada.unblock()
    blocked, back = await world.bot.get_updates()
    assert blocked.my_chat_member
    assert back.my_chat_member
    assert blocked.my_chat_member.new_chat_member.status == ChatMemberStatus.BANNED
    assert back.my_chat_member.new_chat_member.status == ChatMemberStatus.MEMBER


async def test_logging_out_and_closing_are_answered(world: World) -> None:
    assert await world.bot.log_out()
    assert await world.bot.close()

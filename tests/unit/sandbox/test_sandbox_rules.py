"""Keyboards, pictures, rate limits, planned failures and addresses: the sandbox's rules without any I/O."""

import struct
from typing import Any

import pytest
from starlette.datastructures import Headers

from sandbox.access import _problem
from sandbox.app import loopback
from sandbox.errors import ApiError, SandboxError
from sandbox.events import Events
from sandbox.faults import Faults
from sandbox.files import _checked_photo, image_sides
from sandbox.keyboards import checked
from sandbox.limits import RateLimits
from sandbox.mail_view import own_link


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\x00\x00\x00"


def inline(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


def refused(markup: Any) -> str:
    with pytest.raises(ApiError) as refusal:
        checked(markup)
    assert refusal.value.code == 400
    return refusal.value.description


@pytest.mark.parametrize("data", ["", "x" * 65, "é" * 33])
def test_callback_data_has_1_to_64_bytes(data: str) -> None:
    assert refused(inline({"text": "go", "callback_data": data})) == "Bad Request: BUTTON_DATA_INVALID"


def test_64_bytes_of_callback_data_are_taken() -> None:
    markup = inline({"text": "go", "callback_data": "é" * 32, "style": "danger"})
    assert checked(markup) == markup


@pytest.mark.parametrize(
    "button", [{"text": "go"}, {"text": "", "callback_data": "x"}, {"callback_data": "x"}, "go", None]
)
def test_a_button_needs_a_text_and_an_action(button: Any) -> None:
    assert "inline keyboard button" in refused(inline(button))


def test_a_button_with_a_wrong_address_style_or_copy_text_is_refused() -> None:
    assert "Wrong HTTP URL" in refused(inline({"text": "go", "url": "no url"}))
    assert "style" in refused(inline({"text": "go", "callback_data": "x", "style": "pink"}))
    assert "COPY_TEXT" in refused(inline({"text": "go", "copy_text": {"text": "x" * 257}}))


def test_more_than_a_hundred_buttons_are_refused() -> None:
    button = {"text": "go", "callback_data": "x"}
    assert checked(inline(*[button] * 100))
    assert refused(inline(*[button] * 101)) == "Bad Request: reply markup is too long"


@pytest.mark.parametrize("markup", ["text", 7, {"buttons": []}, {"inline_keyboard": "x"}, {"keyboard": [{}]}])
def test_a_markup_of_another_shape_is_refused(markup: Any) -> None:
    assert refused(markup).startswith("Bad Request: ")


def test_plain_keyboards_keep_their_buttons_as_objects() -> None:
    assert checked({"keyboard": [["Yes", {"text": "No"}]]}) == {"keyboard": [[{"text": "Yes"}, {"text": "No"}]]}


def test_sides_of_pictures_are_read() -> None:
    jpeg = b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x11\x08" + struct.pack(">HH", 30, 40) + bytes(10)
    webp = b"RIFF\x00\x00\x00\x00WEBPVP8X" + bytes(8) + b"\x27\x00\x00\x1d\x00\x00"
    assert image_sides(png(40, 30)) == (40, 30)
    assert image_sides(b"GIF89a" + struct.pack("<HH", 40, 30)) == (40, 30)
    assert image_sides(jpeg) == (40, 30)
    assert image_sides(webp) == (40, 30)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00\xff\xff", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_has_no_sides(content: bytes) -> None:
    assert image_sides(content) is None


@pytest.mark.parametrize("sides", [(0, 5), (6000, 4001), (2100, 100)])
def test_a_picture_with_odd_sides_is_refused(sides: tuple[int, int]) -> None:
    with pytest.raises(ApiError, match="PHOTO_INVALID_DIMENSIONS"):
        _checked_photo(png(*sides))


def test_a_picture_beyond_10_mb_is_refused() -> None:
    with pytest.raises(ApiError, match="is too big for a photo"):
        _checked_photo(png(10, 10) + bytes(10 * 1024 * 1024))


def test_a_private_chat_gets_five_at_once_and_then_one_a_second() -> None:
    now = [100.0]
    limits = RateLimits(lambda: now[0])
    for _ in range(5):
        limits.check("sendMessage", "7")
    with pytest.raises(ApiError) as refusal:
        limits.check("sendMessage", "7")
    assert refusal.value.body()["parameters"] == {"retry_after": 1}
    limits.check("sendMessage", "8")
    now[0] += 1
    limits.check("sendMessage", "7")


def test_a_bot_sends_thirty_a_second_and_a_group_gets_twenty_a_minute() -> None:
    limits = RateLimits(lambda: 100.0)
    for chat in range(10):
        limits.check("sendMessage", str(chat))
    for _ in range(20):
        limits.check("sendMessage", "-100")
    with pytest.raises(ApiError, match="retry after 1"):
        limits.check("sendMessage", "77")
    limits.check("getMe", "")
    fresh = RateLimits(lambda: 100.0)
    for _ in range(20):
        fresh.check("sendMessage", "-100")
    with pytest.raises(ApiError, match="retry after 3"):
        fresh.check("sendMessage", "-100")


def test_a_planned_failure_is_used_up_and_fits_its_method_and_chat() -> None:
    faults = Faults()
    faults.add("error", method="sendMessage", chat_id=7, times=2)
    assert faults.take("sendPhoto", "7") is None
    assert faults.take("sendMessage", "8") is None
    assert faults.take("SENDMESSAGE", "7")
    assert faults.take("sendMessage", "7")
    assert faults.take("sendMessage", "7") is None


def test_a_failure_for_every_method_leaves_polling_alone() -> None:
    faults = Faults()
    faults.add("error")
    assert faults.take("getUpdates", "") is None
    assert faults.take("sendMessage", "")


def test_an_unknown_failure_is_refused_with_the_known_names() -> None:
    with pytest.raises(SandboxError, match="throttled"):
        Faults().add("explode")  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["0.0.0.0:80", "192.168.1.1:80", "example.com:80", ":80", "[::]:80"])
def test_only_loopback_addresses_are_listened_on(address: str) -> None:
    with pytest.raises(SandboxError, match="this computer only"):
        loopback(address)


def test_a_port_is_needed() -> None:
    assert loopback("localhost:0") == ("127.0.0.1", 0)
    assert loopback("[::1]:81") == ("::1", 81)
    with pytest.raises(SandboxError, match="no usable port"):
        loopback("127.0.0.1:many")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"host": "127.0.0.1:81"}, True),
        ({"host": "localhost:81", "origin": "http://localhost:81"}, True),
        ({"host": "evil.example"}, False),
        ({"host": "127.0.0.1.evil.example"}, False),
        ({"host": ""}, False),
        ({"host": "127.0.0.1:81", "origin": "http://evil.example"}, False),
        ({"host": "127.0.0.1:81", "origin": "http://127.0.0.1:9999"}, False),
        ({"host": "127.0.0.1:81", "origin": "null"}, False),
        ({"host": "127.0.0.1:81", "sec-fetch-site": "cross-site"}, False),
        ({"host": "127.0.0.1:81", "sec-fetch-site": "same-site"}, False),
        ({"host": "127.0.0.1:81", "content-type": "text/plain"}, False),
    ],
)
def test_another_site_may_not_use_the_page(headers: dict[str, str], allowed: bool) -> None:
    given = Headers({"content-type": "application/json"} | headers)
    assert (_problem("/api/chats/1/send", "POST", given) is None) == allowed


def test_the_bots_public_link_leads_to_the_sandbox() -> None:
    assert own_link("https://t.me/My_Bot?start=v_1", "127.0.0.1:81", "my_bot") == "http://127.0.0.1:81/my_bot?start=v_1"
    assert own_link("https://t.me/other_bot", "127.0.0.1:81", "my_bot") == "https://t.me/other_bot"


def test_event_ids_grow_and_unknown_ones_ask_for_a_fresh_start() -> None:
    events = Events()
    before = events.last_id
    events.publish("one")
    events.publish("two")
    assert [event.kind for event in events.since(before) or []] == ["one", "two"]
    assert [event.kind for event in events.since(before + 1) or []] == ["two"]
    assert events.since(before - 1) is None
    assert events.since(before + 99) is None

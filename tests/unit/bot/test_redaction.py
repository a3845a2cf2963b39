"""What the audit keeps of a message: no code, no link, no token, however it is written."""

import pytest

from bot.audit import redact
from domain import codes

INVITE = codes.new_token(codes.INVITE_PREFIX)
CONNECT = codes.new_token(codes.CONNECT_PREFIX)
VERIFY = codes.derive("k" * 32, codes.new_nonce()).link_token
HIDDEN = (INVITE, CONNECT, VERIFY)


@pytest.mark.parametrize("token", HIDDEN, ids=("invite", "connect", "verify"))
@pytest.mark.parametrize(
    "around",
    [
        "/start {}",
        "{}",
        "https://t.me/openbell_bot?start={}",
        "look at https://t.me/openbell_bot?start={}, please",
        "https%3A%2F%2Ft.me%2Fopenbell_bot%3Fstart%3D{}",
        "(tg://resolve?domain=openbell_bot&start={})",
        "_{}_",
        "“{}”",
        "/verify {}",
        "/start@openbell_bot {}",
    ],
)
def test_a_links_token_is_not_kept_wherever_it_stands(around: str, token: str) -> None:
    kept = redact(around.format(token))
    assert token not in kept
    assert token[2:10] not in kept
    assert "[link]" in kept


@pytest.mark.parametrize(
    "code",
    [
        "12345678",
        "1234 5678",
        "1234-5678",
        "1234  5678",
        "1 2 3 4 5 6 7 8",
        "１２３４５６７８",
        "①②③④⑤⑥⑦⑧",
        "1234 – 5678",
        "٠١٢٣٤٥٦٧",
    ],
)
@pytest.mark.parametrize("around", ["{}", "/verify {}"])
def test_a_code_is_not_kept_however_it_is_typed(code: str, around: str) -> None:
    assert codes.read_digits(code) is not None
    assert redact(around.format(code)) == around.format("[code]")


@pytest.mark.parametrize(
    "text", ["/run 7", "/users waiting", "api_key_rotation", "every weekday at 8:30", "/start j_7"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text

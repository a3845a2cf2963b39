"""What is said about reports: one on its way, and the instruments there are."""

from collections.abc import Sequence
from html import escape

from bot.replies.reply import Reply, in_pairs
from domain.locales import t


def drawing(symbol: str) -> Reply:
    return Reply(t("Drawing the report on {symbol}. It comes in a moment.", symbol=f"<b>{escape(symbol)}</b>"))


def instruments(symbols: Sequence[tuple[str, str]], after: int, total: int) -> Reply:
    """A page of instruments as buttons, two in a row."""
    labels = [(f"{symbol} · {name}"[:40] if name else symbol, f"r:{symbol}:0") for symbol, name in symbols]
    rows = in_pairs(labels)
    turn = []
    if after > 0:
        turn.append(("‹", f"i:{max(after - len(symbols), 0)}"))
    if after + len(symbols) < total:
        turn.append((t("More ›"), f"i:{after + len(symbols)}"))
    return Reply(t("Which instrument? Tap one, or send {example}.", example="<b>/report SYMBOL</b>"), [*rows, turn])

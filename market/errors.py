"""What can go wrong between a symbol and its prices."""

from collections.abc import Sequence

from domain.errors import GiveUp, NotFound, RetryLater, UserError
from domain.locales import any_of, t


class FeedUnavailable(RetryLater):
    """The price source can't be reached right now; it will be asked again."""


class UnknownFeed(GiveUp, NotFound):
    """That price source isn't installed here."""


class UnknownSymbol(GiveUp, NotFound):
    """I don't know that symbol."""

    def __init__(self, symbol: str, feed: str, nearest: Sequence[str] = ()) -> None:
        self.symbol, self.feed, self.nearest = symbol, feed, tuple(nearest)
        said = t("The source {feed} has no symbol {symbol}.", feed=feed, symbol=symbol)
        if nearest:
            said = f"{said} {t('Did you mean {names}?', names=any_of(self.nearest))}"
        super().__init__(said)


class NotEnoughBars(GiveUp, UserError):
    """There are no prices for that symbol and timeframe yet."""

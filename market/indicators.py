"""Moving averages and RSI by TA-Lib's definitions, in exact decimals; None until there are enough values."""

from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import pairwise

_EXACT = Context(prec=34)
Series = list[Decimal | None]


def sma(values: Sequence[Decimal], period: int) -> Series:
    """The mean of the last `period` values, at each place."""
    means: Series = []
    total = Decimal(0)
    for place, value in enumerate(values):
        total += value - (values[place - period] if place >= period else 0)
        means.append(_EXACT.divide(total, period) if place >= period - 1 else None)
    return means


def ema(values: Sequence[Decimal], period: int) -> Series:
    """The exponential mean with weight 2 / (period + 1), begun with the simple mean of the first `period` values."""
    means: Series = [None] * min(period - 1, len(values))
    if len(values) < period:
        return means
    weight = _EXACT.divide(Decimal(2), period + 1)
    mean = _EXACT.divide(sum(values[:period], Decimal(0)), period)
    means.append(mean)
    for value in values[period:]:
        mean = _EXACT.fma(value - mean, weight, mean)
        means.append(mean)
    return means


def rsi(values: Sequence[Decimal], period: int = 14) -> Series:
    """Wilder's relative strength, 0 to 100; 50 where nothing has moved."""
    strengths: Series = [None] * min(period, len(values))
    moves = [later - earlier for earlier, later in pairwise(values)]
    if len(moves) < period:
        return strengths
    gain = _EXACT.divide(sum((move for move in moves[:period] if move > 0), Decimal(0)), period)
    loss = _EXACT.divide(-sum((move for move in moves[:period] if move < 0), Decimal(0)), period)
    strengths.append(_strength(gain, loss))
    for move in moves[period:]:
        gain = _EXACT.divide(_EXACT.fma(gain, period - 1, max(move, Decimal(0))), period)
        loss = _EXACT.divide(_EXACT.fma(loss, period - 1, max(-move, Decimal(0))), period)
        strengths.append(_strength(gain, loss))
    return strengths


def _strength(gain: Decimal, loss: Decimal) -> Decimal:
    whole = gain + loss
    return _EXACT.divide(100 * gain, whole) if whole else Decimal(50)

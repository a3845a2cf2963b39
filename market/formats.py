"""Numbers for people: thousands separated, a real minus sign, as many digits as the price needs."""

from decimal import Decimal

from domain.locales import mark, number_marks, t

MINUS = "\N{MINUS SIGN}"
_UNITS = (
    (Decimal(10**12), mark("{number}T")),
    (Decimal(10**9), mark("{number}B")),
    (Decimal(10**6), mark("{number}M")),
    (Decimal(1000), mark("{number}K")),
)


def price(value: Decimal, decimals: int) -> str:
    """`2,431.50`: fixed digits, thousands separated."""
    return number_marks(f"{value:,.{decimals}f}").replace("-", MINUS)


def change(value: Decimal, decimals: int) -> str:
    """`+12.30`: like `price`, with its sign unless it is zero."""
    return _signed(value, decimals)


def percent(value: Decimal) -> str:
    """`+0.51%`: two digits and a sign."""
    return t("{number}%", number=_signed(value, 2))


def _signed(value: Decimal, decimals: int) -> str:
    rounded = round(value, decimals)
    return number_marks(f"{rounded:+,f}".replace("-", MINUS) if rounded else f"{abs(rounded):,f}")


def compact(value: Decimal) -> str:
    """`1.2M`: a quantity short enough for an axis."""
    for limit, unit in _UNITS:
        if abs(value) >= limit:
            scaled = value / limit
            return t(unit, number=number_marks(f"{scaled:,.{0 if abs(scaled) >= 100 else 1}f}"))
    return number_marks(f"{value.normalize():f}" if value == value.to_integral() else f"{value:.2f}")

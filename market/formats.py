"""Numbers for people: thousands separated, a real minus sign, as many digits as the price needs."""

from decimal import Decimal

MINUS = "\N{MINUS SIGN}"


def price(value: Decimal, decimals: int) -> str:
    """`2,431.50`: fixed digits, thousands separated."""
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def change(value: Decimal, decimals: int) -> str:
    """`+12.30`: like `price`, with its sign unless it is zero."""
    return _signed(value, decimals)


def percent(value: Decimal) -> str:
    """`+0.51%`: two digits and a sign."""
    return f"{_signed(value, 2)}%"


def _signed(value: Decimal, decimals: int) -> str:
    rounded = round(value, decimals)
    return f"{rounded:+,f}".replace("-", MINUS) if rounded else f"{abs(rounded):,f}"


def compact(value: Decimal) -> str:
    """`1.2M`: a quantity short enough for an axis."""
    for limit, unit in ((Decimal(10**12), "T"), (Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(1000), "K")):
        if abs(value) >= limit:
            scaled = value / limit
            return f"{scaled:,.{0 if abs(scaled) >= 100 else 1}f}{unit}"
    return f"{value.normalize():f}" if value == value.to_integral() else f"{value:.2f}"

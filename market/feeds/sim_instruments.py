"""The simulated market's forty instruments; the shares and indices are invented."""

from dataclasses import dataclass
from typing import Literal

from market.instruments import Instrument, Kind

Hours = Literal["24/7", "weekdays", "exchange"]

_CALENDARS: dict[Hours, str] = {
    "24/7": "always",
    "weekdays": "Monday to Friday, round the clock UTC",
    "exchange": "Monday to Friday 14:00–21:00 UTC",
}


@dataclass(frozen=True, slots=True)
class Simulated:
    """How an instrument behaves: usual price in ticks, daily movement in millionths, percent of the factor."""

    instrument: Instrument
    hours: Hours
    usual: int
    daily: int
    factor: str
    beta: int
    volume: int


def _make(
    symbol: str, name: str, kind: Kind, decimals: int, usual: str, daily: int, beta: int, volume: int = 0
) -> Simulated:
    hours: Hours = "24/7" if kind == "crypto" else "exchange" if kind in ("share", "index") else "weekdays"
    factor = {"share": "equity", "index": "equity"}.get(kind, kind)
    currency = symbol[3:] if kind == "currency" else "USD"
    whole, _, part = usual.partition(".")
    ticks = int(whole + part.ljust(decimals, "0"))
    instrument = Instrument(symbol, name, kind, currency, decimals, _CALENDARS[hours])
    return Simulated(instrument, hours, ticks, daily, factor, beta, volume)


_TABLE = (
    _make("GOLD", "Gold, troy ounce", "commodity", 2, "2400", 9_000, 40, 210_000),
    _make("SILVER", "Silver, troy ounce", "commodity", 3, "28.5", 16_000, 70, 75_000),
    _make("PLATINUM", "Platinum, troy ounce", "commodity", 2, "980", 13_000, 50, 18_000),
    _make("COPPER", "Copper, pound", "commodity", 4, "4.2", 13_000, 60, 64_000),
    _make("WTI", "Crude oil WTI, barrel", "commodity", 2, "76", 19_000, 80, 320_000),
    _make("BRENT", "Crude oil Brent, barrel", "commodity", 2, "80", 18_000, 80, 290_000),
    _make("NATGAS", "Natural gas, MMBtu", "commodity", 3, "3.1", 30_000, 60, 150_000),
    _make("WHEAT", "Wheat, bushel", "commodity", 2, "590", 15_000, 30, 81_000),
    _make("CORN", "Corn, bushel", "commodity", 2, "455", 13_000, 30, 140_000),
    _make("COFFEE", "Coffee, pound", "commodity", 2, "215", 19_000, 20, 24_000),
    _make("EURUSD", "Euro in US dollars", "currency", 5, "1.09", 4_500, 90),
    _make("GBPUSD", "Pound sterling in US dollars", "currency", 5, "1.27", 5_000, 85),
    _make("USDJPY", "US dollar in yen", "currency", 3, "146", 5_500, -70),
    _make("USDCHF", "US dollar in Swiss francs", "currency", 5, "0.89", 4_800, -80),
    _make("AUDUSD", "Australian dollar in US dollars", "currency", 5, "0.66", 5_800, 80),
    _make("USDCAD", "US dollar in Canadian dollars", "currency", 5, "1.36", 4_000, -60),
    _make("EURGBP", "Euro in pounds sterling", "currency", 5, "0.857", 3_500, 10),
    _make("EURCHF", "Euro in Swiss francs", "currency", 5, "0.97", 3_200, 15),
    _make("BTCUSD", "Bitcoin in US dollars", "crypto", 2, "68000", 24_000, 90, 32_000),
    _make("ETHUSD", "Ether in US dollars", "crypto", 2, "3400", 30_000, 110, 410_000),
    _make("SOLUSD", "Solana in US dollars", "crypto", 3, "150", 38_000, 130, 5_200_000),
    _make("XRPUSD", "XRP in US dollars", "crypto", 5, "0.62", 34_000, 110, 610_000_000),
    _make("DOGEUSD", "Dogecoin in US dollars", "crypto", 5, "0.14", 40_000, 130, 2_900_000_000),
    _make("MOTEUSD", "Motecoin in US dollars", "crypto", 8, "0.00012", 45_000, 140, 84_000_000_000),
    _make("OB500", "Openbell 500 index", "index", 2, "5400", 8_500, 100, 3_100_000_000),
    _make("OBTECH", "Openbell Technology index", "index", 2, "18900", 11_500, 130, 4_400_000_000),
    _make("ACORN", "Acorn Foods", "share", 2, "84", 11_000, 60, 2_300_000),
    _make("BOREAL", "Boreal Timber", "share", 2, "41", 16_000, 90, 1_100_000),
    _make("CINDER", "Cinder Energy", "share", 2, "112", 17_000, 90, 4_600_000),
    _make("DELTAQ", "Delta Quantum", "share", 2, "236", 29_000, 160, 9_800_000),
    _make("EMBERLY", "Emberly Media", "share", 2, "18.4", 24_000, 120, 6_100_000),
    _make("FJORDEN", "Fjorden Shipping", "share", 2, "63", 18_000, 90, 1_900_000),
    _make("GRANITA", "Granita Cement", "share", 2, "52", 14_000, 90, 1_400_000),
    _make("HARBRO", "Harbro Bank", "share", 2, "74", 14_000, 110, 7_700_000),
    _make("JUNIPRA", "Junipra Health", "share", 2, "158", 15_000, 70, 2_800_000),
    _make("KESTRA", "Kestra Aerospace", "share", 2, "327", 15_000, 90, 1_600_000),
    _make("LUMENTA", "Lumenta Solar", "share", 2, "29", 32_000, 140, 8_900_000),
    _make("MERIDIA", "Meridia Rail", "share", 2, "121", 12_000, 80, 2_100_000),
    _make("NIMBUSO", "Nimbuso Cloud", "share", 2, "412", 22_000, 140, 12_500_000),
    _make("ORCHIDA", "Orchida Retail", "share", 2, "57", 17_000, 100, 3_400_000),
)
SIMULATED = {each.instrument.symbol: each for each in _TABLE}

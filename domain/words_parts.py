"""What the words of every language are made from: the numbers of a cron line's columns, clock times, names."""

import re

from domain.calendars import EXCHANGES

EVENT = re.compile(r"@(open|close)\((\w+)\)(?:([+-])(\d+)m)?")
MOST_TIMES = 6


def exchange_name(code: str) -> str:
    """What people call an exchange; its code when it is none of those we know."""
    return EXCHANGES[code].name if code in EXCHANGES else code


def numbers(field: str, low: int, high: int) -> list[int]:
    """The numbers that a column of a cron line holds, in order."""
    found: set[int] = set()
    for item in field.split(","):
        whole, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if whole == "*" else whole).partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return sorted(found)


def clock_time(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"


def plain(field: str) -> str:
    """`*` for what only looks different: a star beside other items, a step of one."""
    return "*" if field.startswith("*") and {"*", "*/1"} & set(field.split(",")) else field


def is_list_of_stars(field: str) -> bool:
    return field.startswith("*") and "," in field


def is_run(held: list[int]) -> bool:
    """Whether the numbers follow each other without a gap."""
    return held == list(range(held[0], held[-1] + 1))


def runs(held: list[int]) -> str:
    """Numbers as a column of a cron line: three and more in a row become a range."""
    items: list[list[int]] = []
    for number in sorted(set(held)):
        if items and number == items[-1][-1] + 1:
            items[-1].append(number)
        else:
            items.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in items)

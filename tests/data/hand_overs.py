"""Writes hand_overs.csv: when the turns of rotations begin, worked out with Python's zoneinfo.

Run it from this folder: python3 hand_overs.py > hand_overs.csv
The rules are those of docs/guide/oncall.md, written down a second time without looking at the Rust.
"""

from calendar import monthrange
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UTC = timezone.utc


def shown(instant, zone):
    """What the wall clock shows at an instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def first_instant(wall, zone):
    """The first instant at which the wall clock shows `wall`, or, if it never does, any later time."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if shown(first, zone) == wall:
        return first
    low, high = first - timedelta(hours=30), first + timedelta(hours=30)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
        if shown(middle, zone) >= wall:
            high = middle
        else:
            low = middle
    return high


def months_later(wall, count):
    month = wall.year * 12 + wall.month - 1 + count
    year, month = divmod(month, 12)
    day = min(wall.day, monthrange(year, month + 1)[1])
    return wall.replace(year=year, month=month + 1, day=day)


def begin(start, count, unit, index, zone):
    steps = count * index
    if unit == "hours" and 24 % count != 0:
        return first_instant(start, zone) + timedelta(hours=steps)
    if unit == "months":
        return first_instant(months_later(start, steps), zone)
    return first_instant(start + timedelta(**{unit: steps}), zone)


ROTATIONS = [
    ("Europe/Berlin", "2026-10-20 02:30", 1, "days", 12),
    ("Europe/Berlin", "2027-03-20 02:30", 1, "days", 12),
    ("Europe/Berlin", "2026-10-24 02:30", 1, "hours", 40),
    ("Europe/Berlin", "2027-03-27 22:15", 1, "hours", 12),
    ("Europe/Berlin", "2026-10-24 06:00", 8, "hours", 9),
    ("Europe/Berlin", "2026-10-24 06:00", 10, "hours", 9),
    ("Europe/Berlin", "2026-01-31 09:00", 1, "months", 26),
    ("Europe/Berlin", "2024-02-29 02:30", 3, "months", 20),
    ("America/New_York", "2026-10-19 01:30", 1, "weeks", 30),
    ("America/New_York", "2026-03-01 02:30", 7, "days", 6),
    ("America/Sao_Paulo", "2018-10-30 00:00", 1, "days", 12),
    ("Australia/Lord_Howe", "2026-10-01 02:15", 1, "days", 8),
    ("Australia/Lord_Howe", "2027-04-01 01:45", 1, "days", 8),
    ("Australia/Lord_Howe", "2027-04-03 20:00", 4, "hours", 8),
    ("Pacific/Apia", "2011-12-26 09:00", 1, "days", 10),
    ("Pacific/Apia", "2011-12-29 00:00", 6, "hours", 16),
    ("Pacific/Apia", "2011-12-29 00:00", 7, "hours", 16),
    ("Pacific/Chatham", "2026-09-20 02:45", 1, "days", 12),
    ("Africa/Casablanca", "2026-02-10 02:30", 1, "days", 50),
    ("Asia/Kathmandu", "2026-01-05 06:00", 12, "hours", 10),
]

print("zone,start,every,turn,begins")
for name, start, count, unit, turns in ROTATIONS:
    zone = ZoneInfo(name)
    wall = datetime.fromisoformat(start)
    for index in range(turns):
        instant = begin(wall, count, unit, index, zone)
        print(f"{name},{start},{count} {unit},{index + 1},{instant:%Y-%m-%dT%H:%M:%SZ}")

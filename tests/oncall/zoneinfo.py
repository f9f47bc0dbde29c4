"""Who is on call when, worked out a second time.

Written from the rules in docs/guide/oncall.md, not from our code, and in another way: our code looks up
one instant, this draws all turns of the whole time one after another and lays them over each other.

Reads an on-call file from standard input; the time to draw is two arguments, in seconds since 1970.
Prints, for each schedule, a line for each change: the schedule, the second, and who is on call from
then on (ids with commas between; nothing: nobody).
"""

import re
import sys
import tomllib
from calendar import monthrange
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Clock:
    """The wall clock of a place."""

    def __init__(self, zone):
        self.zone = ZoneInfo(zone)

    def offset(self, second):
        """How far the wall clock is ahead of UTC at an instant, in seconds."""
        moment = datetime.fromtimestamp(second, timezone.utc).astimezone(self.zone)
        return int(moment.utcoffset().total_seconds())

    def second(self, wall):
        """The instant at which the wall clock shows a time: the first of two; after a gap, where it is skipped."""
        shown = int((wall - EPOCH).total_seconds())
        early = int(wall.replace(tzinfo=self.zone, fold=0).utcoffset().total_seconds())
        late = int(wall.replace(tzinfo=self.zone, fold=1).utcoffset().total_seconds())
        if late <= early:
            # Told apart in a fold, where the first is wanted; the same everywhere else.
            return shown - early
        # In a gap the offset jumps from the one to the other somewhere between these two instants.
        before, after = shown - late, shown - early
        while after - before > 1:
            middle = (before + after) // 2
            if self.offset(middle) == late:
                after = middle
            else:
                before = middle
        return after


def months_later(start, months):
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def turn_starts(clock, rotation, end):
    """The instants at which turns begin, up to the first after the end."""
    start = datetime.fromisoformat(rotation["start"])
    count, unit = rotation["every"].split()
    count, unit = int(count), unit.rstrip("s")
    turn = 0
    while True:
        if unit == "month":
            at = clock.second(months_later(start, turn * count))
        elif unit == "hour" and 24 % count != 0:
            at = clock.second(start) + turn * count * 3600
        else:
            step = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[unit]
            at = clock.second(start + turn * count * step)
        yield at
        if at > end:
            return
        turn += 1


def turns(clock, rotation, end):
    """(from, until, who) for all turns."""
    people = rotation["people"]
    starts = list(turn_starts(clock, rotation, end))
    last = clock.second(datetime.fromisoformat(rotation["until"])) if "until" in rotation else None
    for turn, (since, until) in enumerate(zip(starts, starts[1:])):
        until = until if last is None else min(until, last)
        if since < until:
            yield since, until, people[turn % len(people)]


def time_of_day(text):
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def days_of(text):
    first, _, last = text.partition("-")
    first, last = DAYS.index(first), DAYS.index(last or first)
    return [(first + n) % 7 for n in range((last - first) % 7 + 1)]


def in_force(clock, hours, begin, end):
    """The stretches in which one of these times of the week is, sorted and joined."""
    stretches = []
    day = datetime.fromtimestamp(begin, timezone.utc).replace(tzinfo=None, hour=0, minute=0, second=0)
    day -= timedelta(days=10)
    final = datetime.fromtimestamp(end, timezone.utc).replace(tzinfo=None) + timedelta(days=10)
    while day < final:
        for text in hours:
            since, until = stretch(text, day)
            if since is not None:
                since, until = clock.second(since), clock.second(until)
                if since < until:
                    stretches.append((since, until))
        day += timedelta(days=1)
    joined = []
    for since, until in sorted(stretches):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return joined


def stretch(text, day):
    """Beginning and end, by the wall clock, of what begins on a day."""
    if found := re.fullmatch(r"(\S+) (\S+)-([a-z]+) (\S+)", text):
        first, since, last, until = found.groups()
        if day.weekday() != DAYS.index(first):
            return None, None
        days = (DAYS.index(last) - DAYS.index(first)) % 7
        if days == 0 and time_of_day(until) <= time_of_day(since):
            days = 7
        return day + time_of_day(since), day + timedelta(days=days) + time_of_day(until)
    words = text.split()
    clocks = words.pop() if ":" in words[-1] else "00:00-24:00"
    days = days_of(words[0]) if words else range(7)
    if day.weekday() not in days:
        return None, None
    since, until = map(time_of_day, clocks.split("-"))
    return day + since, day + until + timedelta(days=1 if until <= since else 0)


def cut(turns, stretches):
    """What of the turns lies in the stretches; both are sorted."""
    stretches = iter(stretches)
    current = next(stretches, None)
    for since, until, who in turns:
        while current and current[1] <= since:
            current = next(stretches, None)
        begin = since
        while current and current[0] < until:
            yield max(begin, current[0]), min(until, current[1]), who
            if current[1] > until:
                break
            begin = current[1]
            current = next(stretches, None)


def amend(on_call, over):
    """What an override makes of those who are on call."""
    who = [] if over["person"] == "nobody" else [over["person"]]
    kind = over.get("kind", "replace")
    if kind == "add":
        return on_call + who
    if kind == "remove":
        return [person for person in on_call if person not in who]
    if "instead_of" in over:
        return [other for person in on_call for other in (who if person == over["instead_of"] else [person])]
    return who


def about(over, rotation):
    names = over.get("rotation", [])
    return rotation["name"] in ([names] if isinstance(names, str) else names)


def draw(schedule, begin, end):
    """(from, who) for each change in a schedule."""
    clock = Clock(schedule["timezone"])
    lanes = []
    for rotation in schedule.get("rotations", []):
        lane = turns(clock, rotation, end)
        if "hours" in rotation:
            lane = cut(lane, in_force(clock, rotation["hours"], begin, end))
        lanes.append((rotation, [part for part in lane if part[1] > begin]))
    overrides = [
        (clock.second(datetime.fromisoformat(over["from"])), clock.second(datetime.fromisoformat(over["until"])), over)
        for over in schedule.get("overrides", [])
    ]
    edges = {begin} | {edge for since, until, _ in overrides for edge in (since, until)}
    for _, lane in lanes:
        edges |= {edge for since, until, _ in lane for edge in (since, until)}
    cursors = [0] * len(lanes)
    shown = None
    for at in sorted(edge for edge in edges if begin <= edge < end):
        now = [over for since, until, over in overrides if since <= at < until]
        layers = []
        for index, (rotation, lane) in enumerate(lanes):
            while cursors[index] < len(lane) and lane[cursors[index]][1] <= at:
                cursors[index] += 1
            if cursors[index] < len(lane) and lane[cursors[index]][0] <= at:
                who = lane[cursors[index]][2]
                layer = [] if who == "nobody" else [who]
                for over in now:
                    if about(over, rotation):
                        layer = amend(layer, over)
                layers.append(layer)
        if schedule.get("stacking", "layers") == "layers":
            on_call = layers[-1] if layers else []
        else:
            on_call = [person for layer in layers for person in layer]
        for over in now:
            if "rotation" not in over:
                on_call = amend(on_call, over)
        names = ",".join(dict.fromkeys(on_call))
        if names != shown:
            shown = names
            yield at, names


def main():
    begin, end = int(sys.argv[1]), int(sys.argv[2])
    for schedule in tomllib.load(sys.stdin.buffer)["schedules"]:
        for at, names in draw(schedule, begin, end):
            print(schedule["id"], at, names, sep="\t")


main()

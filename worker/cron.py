"""Schedules in the five fields of cron, with the meaning that crontab(5) gives them, as triggers of APScheduler.

APScheduler's own `from_crontab` reads another language: its weekday 0 is Monday, and a day of the month together with a
weekday must both match where cron takes either. So each field is read here into the numbers it stands for. What
implementations of cron understand differently is refused with a reason.
"""

from __future__ import annotations

import calendar
import dataclasses
import datetime
import zoneinfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclasses.dataclass(frozen=True)
class _Field:
    """A field of a cron line: what it is called, its lowest and highest number, the names of its numbers."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """The number of one word."""
        if text.lower() in self.names:
            return self.lowest + self.names.index(text.lower())
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{self.name}: {text!r} is not a number{' or a name' if self.names else ''}")
        if not self.lowest <= int(text) <= self.highest:
            raise ValueError(f"{self.name}: {text} is not between {self.lowest} and {self.highest}")
        return int(text)

    def values(self, text: str) -> set[int]:
        """The numbers that the whole field stands for."""
        return {number for part in text.split(",") for number in self._part(part)}

    def _part(self, text: str) -> range:
        span, slash, step_text = text.partition("/")
        first_text, dash, last_text = span.partition("-")
        if span == "*":
            first, last = self.lowest, self.highest
        elif dash:
            first, last = self.number(first_text), self.number(last_text)
            if last_text.lower() == "sun" and first > 0:
                last = 7  # a week that ends on its Sunday: fri-sun
            if first > last:
                raise ValueError(f"{self.name}: {span} runs backwards: write it as two ranges")
        elif slash:
            raise ValueError(
                f"{self.name}: {text}: a step needs a range or *, such as {span}-{self.highest}/{step_text}"
            )
        else:
            first = last = self.number(span)
        if not slash:
            return range(first, last + 1)
        if (
            not (step_text.isascii() and step_text.isdigit())
            or not 1 <= int(step_text) <= self.highest - self.lowest + 1
        ):
            raise ValueError(
                f"{self.name}: the step {step_text!r} is not between 1 and {self.highest - self.lowest + 1}"
            )
        return range(first, last + 1, int(step_text))


_MINUTE, _HOUR = _Field("minute", 0, 59), _Field("hour", 0, 23)
_DAY, _MONTH = _Field("day of the month", 1, 31), _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day of the week", 0, 7, _WEEKDAYS)
_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)


def cron(text: str) -> str:
    """The schedule itself, once it has been found to be one: a parser for a setting.

    Raises:
        ValueError: with the field that is wrong and why.
    """
    trigger(text, "UTC")
    return text.strip()


def time_zone(text: str) -> str:
    """The name of a time zone of the IANA database, such as UTC or America/Chicago: a parser for a setting.

    Raises:
        ValueError: there is none of this name.
    """
    _zone(text)
    return text.strip()


def trigger(cron: str, timezone: str) -> BaseTrigger:
    """The trigger that fires when cron would.

    A time that the clock leaves out in spring fires as much later as was left out. One that it shows twice in autumn
    fires twice: the second pass finds nothing new.

    Raises:
        ValueError: the schedule or the time zone is malformed.
    """
    texts = cron.split()
    if len(texts) != len(_FIELDS):
        raise ValueError(
            f"{len(texts)} fields instead of 5: minute, hour, day of the month, month and day of the week, "
            "such as 0 6 * * *"
        )
    values = [field.values(text) for field, text in zip(_FIELDS, texts, strict=True)]
    minutes, hours, days, months, weekdays = map(sorted, values)
    any_day, any_weekday = texts[2] == "*", texts[4] == "*"
    if any_weekday and not any(days[0] <= calendar.monthrange(2000, month)[1] for month in months):
        raise ValueError(f"no month of {texts[3]} has a day {texts[2]}: it would never run")
    if not any_day and not any_weekday and "*" in texts[2] + texts[4]:
        raise ValueError(
            f"{texts[2]} as day of the month together with {texts[4]} as day of the week: some crons take days that "
            "are both, others days that are either; write the days as a list"
        )

    zone = _zone(timezone)
    common = {"minute": _listed(minutes), "hour": _listed(hours), "month": _listed(months), "timezone": zone}
    by_day = CronTrigger(day="*" if any_day else _listed(days), **common)
    if any_weekday:
        return by_day
    by_weekday = CronTrigger(day_of_week=",".join(dict.fromkeys(_WEEKDAYS[day % 7] for day in weekdays)), **common)
    return by_weekday if any_day else OrTrigger([by_day, by_weekday])


def next_run(cron: str, timezone: str, after: datetime.datetime) -> datetime.datetime:
    """The first time after `after` (which has a time zone) that the schedule fires, in the schedule's time zone."""
    if after.tzinfo is None:
        raise ValueError("the time has no time zone")
    found = following(trigger(cron, timezone), after + datetime.timedelta(microseconds=1))
    assert found is not None, "a schedule without an end fires again"
    return found.astimezone(_zone(timezone))


def following(trigger: BaseTrigger, now: datetime.datetime) -> datetime.datetime | None:
    """The first time from `now` on that the trigger fires, in UTC; None when it never does again."""
    # By way of UTC: a time that a clock leaves out in spring comes from APScheduler as the clock never shows it.
    found: datetime.datetime | None = trigger.get_next_fire_time(None, now)
    return found.astimezone(datetime.UTC) if found else None


def _listed(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name.strip())
    # A folder of the database, such as America, is found and cannot be read as a file.
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no time zone of the IANA database has this name") from None

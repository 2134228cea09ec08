"""A stochastic weather generator: daily temperatures and precipitation that look like a station's, and are nobody's.

The model is that of Richardson (1981), as in WGEN, with the shapes and rates of 60 real stations of the Corn Belt: wet
and dry days are a first-order Markov chain, amounts are gamma distributed, temperatures are a yearly cycle and an
autoregressive anomaly, and the range of a day is narrower when it is wet. Stations near each other share most of
their weather: each takes from the same few regional series, by its distance from their centres.

The same numbers come out everywhere and for ever. Random bits are raw ones of Philox, the only part of numpy's random
numbers whose stream is promised; all else is +, -, *, / and square roots, which IEEE 754 rounds in one way only. That
is why there is no cosine, logarithm or numpy distribution here.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Counts up when the same parameters give other weather."""

MISSING = -9999

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_DAYS_A_YEAR = 365.25
_GAUGE_MM = 0.254  # the gauges of these stations are read in hundredths of an inch

# Centres of the regional series, latitude and longitude, and how far (in degrees of latitude) one reaches.
_CENTRES = ((42.0, -99.0), (42.0, -87.0), (38.0, -99.0), (38.0, -87.0))
_REACH = 5.0
_SHARED_VARIANCE = 0.9  # of a station's anomaly: the rest is its own
_SHARED_RAIN = 0.8  # of its wet and dry days

_PERSISTENCE = 0.72  # lag-1 autocorrelation of the daily mean's anomaly
_RANGE_PERSISTENCE = 0.25  # and of the diurnal range's

_REGIONS = 0  # the station number whose streams are the regions': stations count from 1
_PLACE, _ANOMALY, _RANGE, _WET, _AMOUNT, _SHARE, _LOSSES = range(7)


@dataclasses.dataclass(frozen=True)
class Site:
    """Where a station stands: degrees north and east, metres above the sea."""

    number: int
    latitude: float
    longitude: float
    elevation: float


@dataclasses.dataclass(frozen=True)
class Records:
    """What a station wrote down, a row for each day that it reported; MISSING where it has no value.

    day: datetime64[D]; tmax and tmin: tenths of a degree C; prcp: tenths of a mm
    """

    day: NDArray[np.datetime64]
    tmax: Integers
    tmin: Integers
    prcp: Integers


class Weather:
    """The weather of one seed from the first to the last year, both included, at any number of sites."""

    def __init__(self, seed: int, first_year: int, last_year: int) -> None:
        self._seed = seed
        self._days = np.arange(f"{first_year}-01-01", f"{last_year + 1}-01-01", dtype="datetime64[D]")
        # The part of the year that has gone by: 0 on 1 January.
        self._season = (self._days - self._days.astype("datetime64[Y]")).astype(np.int64) / _DAYS_A_YEAR
        count = len(self._days)
        centres = range(len(_CENTRES))
        self._anomalies = [
            _autoregressive(self._normal(_REGIONS, _ANOMALY + 8 * k, count), _PERSISTENCE) for k in centres
        ]
        self._amounts = [self._normal(_REGIONS, _AMOUNT + 8 * k, count) for k in centres]
        self._wet = [self._uniform(_REGIONS, _WET + 8 * k, count) for k in centres]

    def site(self, number: int) -> Site:
        """The place of a station: it depends on the seed and its number only, not on how many there are."""
        north, east, up = self._uniform(number, _PLACE, 3).tolist()
        longitude = round(-103.0 + 21.0 * east, 4)
        # The land rises to the west, as the Great Plains do.
        elevation = 180.0 + 1.8 * (longitude + 82.0) * (longitude + 82.0) + 120.0 * up
        return Site(number, round(37.5 + 6.0 * north, 4), longitude, round(elevation, 1))

    def records(self, site: Site) -> Records:
        """The station file's rows: the weather at the site, less what its observer lost or never saw."""
        wet, mm = self._precipitation(site)
        tmax, tmin = self._temperatures(site, wet)
        in_gauge = np.where(wet, np.maximum(np.rint(mm / _GAUGE_MM), 1.0), 0.0) * _GAUGE_MM
        columns = [_tenths(tmax), _tenths(tmin), _tenths(in_gauge)]
        present = self._lose(site, columns)
        return Records(self._days[present], *(column[present] for column in columns))

    def _precipitation(self, site: Site) -> tuple[Flags, Floats]:
        """Which days are wet, and how much would fall (mm)."""
        dryness = 1.0 - 0.025 * max(0.0, -92.0 - site.longitude)
        wet_share = dryness * (0.305 + 0.05 * _cycle(self._season, peak=0.35))
        after_wet = 0.13 + wet_share
        after_dry = wet_share * (1.0 - after_wet) / (1.0 - wet_share)
        count = len(self._days)
        weights = _weights(site)
        # Each day takes the dice of one region or its own: whichever it is, they are uniform.
        dice = self._uniform(site.number, _WET, count)
        choice = self._uniform(site.number, _SHARE, count)
        low = 0.0
        for weight, regional in zip(weights, self._wet, strict=True):
            high = low + _SHARED_RAIN * weight
            dice = np.where((low <= choice) & (choice < high), regional, dice)
            low = high
        wet = _markov(dice, after_dry, after_wet)
        own = self._normal(site.number, _AMOUNT, count)
        depth = _blend(weights, self._amounts, own)
        # The square of a normal variable is gamma distributed with the shape 1/2: as heavy a tail as the real one.
        return wet, 0.2 + dryness * (9.5 - 2.3 * _cycle(self._season, peak=0.04)) * depth * depth

    def _temperatures(self, site: Site, wet: Flags) -> tuple[Floats, Floats]:
        """Maximum and minimum in degrees C."""
        count = len(self._days)
        winter = _cycle(self._season, peak=0.04)
        north = site.latitude - 40.5
        inland = max(0.0, -90.0 - site.longitude)  # degrees: away from the lakes and the sea
        mean = 10.9 - 0.9 * north - 0.005 * (site.elevation - 250.0)
        amplitude = 13.2 + 0.3 * north + 0.03 * inland
        own = _autoregressive(self._normal(site.number, _ANOMALY, count), _PERSISTENCE)
        anomaly = (4.8 + 1.7 * winter) * _blend(_weights(site), self._anomalies, own)
        middle = mean - amplitude * _cycle(self._season, peak=0.05) + anomaly
        wobble = _autoregressive(self._normal(site.number, _RANGE, count), _RANGE_PERSISTENCE)
        spread = 12.2 + 0.12 * inland - 1.8 * _cycle(self._season, peak=0.98) - 2.5 * wet + 3.6 * wobble
        # A front can turn the course of a day around, but the maximum stays the maximum.
        spread = np.maximum(spread, 0.4)
        return middle + spread / 2.0, middle - spread / 2.0

    def _lose(self, site: Site, columns: list[Integers]) -> Flags:
        """Make values MISSING, one by one and in runs; give the days that have a row at all."""
        count = len(self._days)
        streams = itertools.count(_LOSSES)
        for column in columns:
            column[self._uniform(site.number, next(streams), count) < 0.008] = MISSING
            column[self._runs(site, next(streams), chance=1 / 3000, longest=70)] = MISSING
        away = self._runs(site, next(streams), chance=1 / 900, longest=15)
        for column in columns:
            column[away] = MISSING
        present = ~self._runs(site, next(streams), chance=1 / 3600, longest=120)
        if site.number % 5 == 0:  # a station that was set up later than the others
            present[: int(count * (0.2 + 0.3 * self._uniform(site.number, next(streams), 1)[0]))] = False
        return present

    def _runs(self, site: Site, stream: int, *, chance: float, longest: int) -> Flags:
        """Days in runs that begin with this chance a day; most are much shorter than the longest."""
        count = len(self._days)
        dice = self._uniform(site.number, stream, 2 * count)
        covered = np.zeros(count, np.bool_)
        for start in np.flatnonzero(dice[:count] < chance).tolist():
            length = 1 + int(longest * dice[count + start] * dice[count + start])
            covered[start : start + length] = True
        return covered

    def _raw(self, station: int, stream: int, count: int) -> NDArray[np.uint64]:
        """Random 64-bit words; Philox is keyed by seed, station and stream, so that none of them shifts another."""
        return np.random.Philox(key=self._seed + ((station * 64 + stream) << 64)).random_raw(count)

    def _uniform(self, station: int, stream: int, count: int) -> Floats:
        """Numbers from 0 to below 1."""
        return (self._raw(station, stream, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def _normal(self, station: int, stream: int, count: int) -> Floats:
        """Numbers of mean 0 and variance 1: the sum of twelve uniform ones, near to normal up to 4 deviations."""
        words = self._raw(station, stream, 3 * count).reshape(count, 3, 1)
        pieces = (words >> np.array([0, 16, 32, 48], np.uint64)) & np.uint64(0xFFFF)
        sums: Floats = pieces.sum(axis=(1, 2)).astype(np.float64)
        return (sums - 12 * 32767.5) / 65536.0


def _cycle(season: Floats, *, peak: float) -> Floats:
    """A wave of one year, 1 at the peak and -1 half a year later; within 0.02 of the cosine."""
    shifted = season - peak
    shifted = shifted - np.floor(shifted)
    wave = 4.0 * np.abs(shifted - 0.5) - 1.0
    return wave * (1.5 - 0.5 * wave * wave)


def _autoregressive(noise: Floats, persistence: float) -> Floats:
    """A series of variance 1 in which each day keeps `persistence` of the day before."""
    scaled = noise * np.sqrt(1.0 - persistence * persistence)
    scaled[0] = noise[0]

    def step(before: float, new: float) -> float:
        return persistence * before + new

    series: Iterator[float] = itertools.accumulate(scaled.tolist(), step)
    return np.fromiter(series, np.float64, len(noise))


def _markov(dice: Floats, after_dry: Floats, after_wet: Floats) -> Flags:
    """Wet days: wet where the dice are below the chance that the day before gives."""
    wet_anyway, wet_if_before = dice < after_dry, dice < after_wet
    decided = wet_anyway | ~wet_if_before
    decided[0] = True
    # An undecided day is as the last decided one before it.
    last = np.maximum.accumulate(np.where(decided, np.arange(len(dice)), 0))
    return wet_anyway[last]


def _weights(site: Site) -> list[float]:
    """How much of each regional series the site takes; they sum to 1."""
    raw = []
    for latitude, longitude in _CENTRES:
        north, east = site.latitude - latitude, (site.longitude - longitude) * 0.77  # a degree of longitude at 40 north
        far = (north * north + east * east) / (_REACH * _REACH)
        raw.append(1.0 / ((1.0 + far) * (1.0 + far)))
    total = raw[0] + raw[1] + raw[2] + raw[3]
    return [weight / total for weight in raw]


def _blend(weights: list[float], regional: list[Floats], own: Floats) -> Floats:
    """The regional series and the site's own one in a sum that has variance 1 again."""
    blended: Floats = np.sqrt(1.0 - _SHARED_VARIANCE) * own
    for weight, series in zip(weights, regional, strict=True):
        blended = blended + np.sqrt(_SHARED_VARIANCE * weight) * series
    return blended


def _tenths(values: Floats) -> Integers:
    rounded: Integers = np.rint(values * 10.0).astype(np.int64)
    return rounded


def sites(weather: Weather, count: int) -> Iterator[Site]:
    """The first `count` stations."""
    return (weather.site(number) for number in range(1, count + 1))

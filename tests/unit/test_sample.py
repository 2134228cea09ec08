"""The generated sample: its files, that it is never mistaken, and that its weather is plausible beside the real one."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import PROJECT
from worker import sample
from worker.sample import MARKER, STATION_LIST, SampleError, is_generated, write_sample

Values = NDArray[np.float64]

GOLDEN = "9a0307a879fe53ed9f3fd090488d5c0395e1d1a999497f4c944fbf7cf1eedcef"


@pytest.fixture(scope="module")
def thirty_years(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder)
    return folder


@dataclasses.dataclass(frozen=True)
class Station:
    """A station file read day by day: NaN where there is no row or no value. Degrees C and mm."""

    rows: int
    month: NDArray[np.int64]
    first_day: int
    values: Values

    def anomalies(self) -> Values:
        """The temperatures less the mean of their month."""
        left = self.values[:, :2].copy()
        for month in range(12):
            left[self.month == month] -= np.nanmean(left[self.month == month], axis=0)
        return left

    def wet(self) -> Values:
        """1 on a wet day, 0 on a dry one."""
        rain = self.values[:, 2]
        return np.where(np.isnan(rain), np.nan, rain > 0)

    def depths(self) -> Values:
        """The precipitation of the wet days."""
        rain: Values = self.values[:, 2]
        return rain[rain > 0]

    def by_month(self, of: Callable[..., Any]) -> Values:
        return np.array([of(self.values[self.month == month], axis=0) for month in range(12)])


def read(file: Path) -> Station:
    table = np.loadtxt(file, dtype=np.int64)
    texts = [f"{day // 10000:04}-{day // 100 % 100:02}-{day % 100:02}" for day in table[:, 0]]
    days = np.array(texts, "datetime64[D]")
    assert (np.diff(days).astype(int) > 0).all(), "the days are in order and none comes twice"
    grid = np.full((int((days[-1] - days[0]).astype(int)) + 1, 3), np.nan)
    grid[(days - days[0]).astype(int)] = np.where(table[:, 1:] == -9999, np.nan, table[:, 1:] / 10)
    month = (days[0] + np.arange(len(grid))).astype("datetime64[M]").astype(np.int64) % 12
    return Station(len(table), month, int(days[0].astype(int)), grid)


def lag_1(series: Values) -> float:
    both = ~np.isnan(series[1:]) & ~np.isnan(series[:-1])
    return float(np.corrcoef(series[1:][both], series[:-1][both])[0, 1])


def stations(folder: Path, count: int = 1000) -> list[Station]:
    return [read(file) for file in sorted(folder.glob("*0*.txt"))[:count]]


def checksums(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_bytes_are_the_same_on_every_machine_and_numpy(tmp_path: Path) -> None:
    # If this fails after a deliberate change of the model, count weather_generator.VERSION up.
    write_sample(tmp_path, stations=2, first_year=1999, last_year=2001, seed=7)
    assert checksums(tmp_path)["ZZW00000002.txt"] == GOLDEN


def test_the_files_have_the_format_of_station_files(thirty_years: Path) -> None:
    names = {path.name for path in thirty_years.iterdir()}
    assert names == {*(f"ZZW0000000{number}.txt" for number in range(1, 6)), STATION_LIST, "_windsock"}
    content = (thirty_years / "ZZW00000001.txt").read_bytes()
    assert content.endswith(b"\n")
    assert b"\r" not in content
    for line in content.decode("ascii").splitlines():
        day, *fields = line.split("\t")
        assert len(day) == 8
        assert [len(field) for field in fields] == [5, 5, 5]
    assert b"\n20000229\t" in content
    assert b"\n19000229\t" not in content


def test_the_station_list_has_its_columns(thirty_years: Path) -> None:
    lines = (thirty_years / STATION_LIST).read_text().splitlines()
    assert [line[:11] for line in lines] == [f"ZZW0000000{number}" for number in range(1, 6)]
    for number, line in enumerate(lines, 1):
        assert len(line) == 85
        assert 37 <= float(line[12:20]) <= 44
        assert -104 <= float(line[21:30]) <= -81
        assert 100 <= float(line[31:37]) <= 1500
        assert line[41:71].rstrip() == f"GENERATED SAMPLE {number}"


def test_one_station_starts_late_and_all_have_flaws(thirty_years: Path) -> None:
    read_stations = stations(thirty_years)
    first_days = [station.first_day for station in read_stations]
    assert first_days[4] > first_days[0] + 5 * 365
    for station in read_stations:
        absent = np.isnan(station.values).all(axis=1)
        assert station.rows < len(station.values), "no dates are missing"
        share = np.isnan(station.values[~absent]).mean()
        assert 0.003 < share < 0.05


def test_the_maximum_is_never_below_the_minimum(thirty_years: Path) -> None:
    for station in stations(thirty_years):
        both = station.values[~np.isnan(station.values[:, :2]).any(axis=1)]
        assert (both[:, 0] >= both[:, 1]).all()
        assert both[:, 0].max() < 50
        assert both[:, 1].min() > -50


@pytest.mark.data
def test_the_weather_is_like_the_real_one(weather_data: Callable[[str], Path], thirty_years: Path) -> None:
    real, generated = stations(weather_data("wx_data"), 20), stations(thirty_years)

    def mean(of: Callable[[Station], Any]) -> tuple[Any, Any]:
        return np.mean([of(one) for one in real], axis=0), np.mean([of(one) for one in generated], axis=0)

    def near(of: Callable[[Station], Any], tolerance: float) -> None:
        expected, got = mean(of)
        assert np.abs(got - expected).max() <= tolerance, f"real {expected}, generated {got}"

    near(lambda one: one.by_month(np.nanmean)[:, :2], 4.0)
    near(lambda one: one.by_month(np.nanstd)[:, :2], 1.6)
    near(lambda one: [lag_1(one.anomalies()[:, 0]), lag_1(one.anomalies()[:, 1])], 0.1)
    near(lambda one: np.nanmean(one.wet()), 0.06)
    near(lambda one: lag_1(one.wet()), 0.08)
    near(lambda one: one.depths().mean(), 2.5)
    near(lambda one: one.depths().std() / one.depths().mean(), 0.25)
    near(lambda one: np.quantile(one.depths(), 0.95), 6.0)
    near(lambda one: np.nanmean(one.values[:, 0] - one.values[:, 1]), 1.5)


def test_wet_days_have_a_narrower_range(thirty_years: Path) -> None:
    for station in stations(thirty_years):
        spread, rain = station.values[:, 0] - station.values[:, 1], station.values[:, 2]
        assert np.nanmean(spread[rain > 0]) < np.nanmean(spread[rain == 0]) - 1


def test_neighbours_share_more_of_their_weather_than_distant_stations(tmp_path: Path) -> None:
    write_sample(tmp_path, stations=12)
    lines = (tmp_path / STATION_LIST).read_text().splitlines()
    places = np.array([[float(line[12:20]), float(line[21:30]) * 0.77] for line in lines])
    read_stations = [(station.first_day, station.anomalies()[:, 0]) for station in stations(tmp_path)]
    distances, correlations = [], []
    for i, (first, one) in enumerate(read_stations):
        for j, (second, other) in enumerate(read_stations[:i]):
            start = max(first, second)
            pair = [one[start - first :], other[start - second :]]
            length = min(map(len, pair))
            both = ~np.isnan(pair[0][:length]) & ~np.isnan(pair[1][:length])
            correlations.append(np.corrcoef(pair[0][:length][both], pair[1][:length][both])[0, 1])
            distances.append(np.hypot(*(places[i] - places[j])))
    assert np.corrcoef(distances, correlations)[0, 1] < -0.5
    assert max(correlations) > 0.7
    assert min(correlations) > 0.2


def test_a_station_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    write_sample(tmp_path / "two", stations=2, last_year=1986)
    write_sample(tmp_path / "three", stations=3, last_year=1986)
    two, three = checksums(tmp_path / "two"), checksums(tmp_path / "three")
    assert two["ZZW00000002.txt"] == three["ZZW00000002.txt"] != three["ZZW00000001.txt"]


def test_another_seed_gives_other_weather(tmp_path: Path) -> None:
    write_sample(tmp_path / "a", stations=1, last_year=1985, seed=0)
    write_sample(tmp_path / "b", stations=1, last_year=1985, seed=2**64 - 1)
    assert checksums(tmp_path / "a")["ZZW00000001.txt"] != checksums(tmp_path / "b")["ZZW00000001.txt"]


def test_a_second_time_nothing_is_touched(tmp_path: Path) -> None:
    first = write_sample(tmp_path, stations=2, last_year=1985)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = write_sample(tmp_path, stations=2, last_year=1985)
    assert first.changed
    assert second == dataclasses.replace(first, changed=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times


@pytest.mark.parametrize("damage", ["removed", "changed", "interrupted"])
def test_an_incomplete_sample_is_finished(tmp_path: Path, damage: str) -> None:
    write_sample(tmp_path, stations=2, last_year=1985)
    whole = checksums(tmp_path)
    if damage == "removed":
        (tmp_path / "ZZW00000001.txt").unlink()
    elif damage == "changed":
        (tmp_path / "ZZW00000001.txt").write_text("19850101\t    0\t    0\t    0\n")
    else:
        marker = json.loads((tmp_path / MARKER).read_text())
        (tmp_path / MARKER).write_text(json.dumps({**marker, "sha256": {}}))
    assert write_sample(tmp_path, stations=2, last_year=1985).changed
    assert checksums(tmp_path) == whole


def test_the_pass_may_keep_its_manifest_beside_the_marker(tmp_path: Path) -> None:
    write_sample(tmp_path, stations=1, last_year=1985)
    (tmp_path / MARKER.parent / "manifest.json").write_text("{}")
    assert not write_sample(tmp_path, stations=1, last_year=1985).changed


def test_the_marker_says_what_it_is(tmp_path: Path) -> None:
    assert not is_generated(tmp_path)
    assert not is_generated(tmp_path / "missing")
    write_sample(tmp_path, stations=1, first_year=2000, last_year=2000, seed=3)
    assert is_generated(tmp_path)
    marker = json.loads((tmp_path / MARKER).read_text())
    assert marker["notice"] == "generated by worker sample; no real weather"
    assert {name: marker[name] for name in ("seed", "stations", "first_year", "last_year", "generator_version")} == {
        "seed": 3,
        "stations": 1,
        "first_year": 2000,
        "last_year": 2000,
        "generator_version": 1,
    }
    (tmp_path / MARKER).write_text("not JSON")
    assert not is_generated(tmp_path)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "USC00110072.txt").write_text("19850101\t  -22\t -128\t   94\n")
    with pytest.raises(SampleError, match=r"holds other files \(USC00110072\.txt\): a sample needs a new or empty"):
        write_sample(tmp_path)
    assert checksums(tmp_path).keys() == {"USC00110072.txt"}


def test_real_files_beside_a_sample_are_refused_too(tmp_path: Path) -> None:
    write_sample(tmp_path, stations=1, last_year=1985)
    for number in range(5):
        (tmp_path / f"USC0011007{number}.txt").touch()
    with pytest.raises(SampleError, match=r"USC00110070\.txt, USC00110071\.txt, USC00110072\.txt, \.\.\."):
        write_sample(tmp_path, stations=1, last_year=1985)


def test_station_files_of_no_known_origin_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ZZW00000001.txt").touch()
    with pytest.raises(SampleError, match="holds other files"):
        write_sample(tmp_path)


def test_another_sample_is_not_overwritten(tmp_path: Path) -> None:
    write_sample(tmp_path, stations=1, last_year=1985, seed=1)
    with pytest.raises(SampleError, match=r"holds another sample \(1 stations, 1985 to 1985, seed 1\)"):
        write_sample(tmp_path, stations=2, last_year=1985, seed=1)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"stations": 0}, "stations: 0 is not between 1 and 999"),
        ({"first_year": 1700}, "first year: 1700 is not between"),
        ({"last_year": 9999}, "last year: 9999 is not between"),
        ({"first_year": 2015}, r"the last year \(2014\) is before the first year \(2015\)"),
        ({"seed": -1}, "seed: -1 is not between"),
    ],
)
def test_bad_parameters(tmp_path: Path, parameters: dict[str, int], words: str) -> None:
    with pytest.raises(SampleError, match=words):
        write_sample(tmp_path / "new", **parameters)
    assert not (tmp_path / "new").exists()


# The command line.

COMMAND = """
import argparse, sys
from worker import sample
parser = argparse.ArgumentParser(prog="sample")
sample.add_arguments(parser)
sys.exit(sample.main(parser.parse_args()))
"""


def run(*arguments: str | Path, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=before,
    )


def test_the_command_writes_and_recognises(tmp_path: Path) -> None:
    arguments = (tmp_path / "new", "--stations", "2", "--first-year", "2000", "--last-year", "2001", "--seed", "4")
    first, second = run(*arguments), run(*arguments)
    assert (first.returncode, first.stderr) == (second.returncode, second.stderr) == (0, "")
    assert first.stdout.startswith("2 generated station files, 2000 to 2001, written to ")
    assert "already in" in second.stdout
    assert "no real weather" in first.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stations", "many"], "argument --stations: not a whole number"),
        (["--stations", "0"], "argument --stations: 0 is not between 1 and 999"),
        (["--last-year", "1984"], "the last year (1984) is before the first year (1985)"),
    ],
)
def test_the_command_refuses_bad_arguments(tmp_path: Path, arguments: list[str], words: str) -> None:
    refused = run(tmp_path / "new", *arguments)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_command_says_when_the_folder_is_a_file_or_inside_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder, words in ((file, "is not a folder"), (file / "below", "cannot write the sample into")):
        refused = run(folder)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert words in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_a_disk_that_is_full_leaves_no_half_file_and_can_be_finished(tmp_path: Path) -> None:
    def limit() -> None:
        # As on a full disk, the write of a large file fails, with EFBIG; SIGXFSZ would end the process before that.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    failed = run(tmp_path / "new", before=limit)
    assert failed.returncode == 2
    assert "File too large" in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert list(checksums(tmp_path / "new")) == [str(MARKER)]
    assert run(tmp_path / "new").returncode == 0
    assert not write_sample(tmp_path / "new").changed


def test_a_folder_without_the_right_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    # Root may write into every folder but those of the kernel.
    folder = Path("/proc/self/sample") if os.geteuid() == 0 else tmp_path
    parser = argparse.ArgumentParser()
    sample.add_arguments(parser)
    assert sample.main(parser.parse_args([str(folder)])) == 2
    assert str(folder) in capsys.readouterr().err

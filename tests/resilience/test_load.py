"""The API under as much as it can bear, and under more."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from database import roles
from tests.conftest import Database, wait_until
from tests.integration.api.conftest import Served, serving_api
from tests.resilience.serving import everything, process_ids
from tests.resilience.traffic import Answer, Request, Traffic, percentile
from tests.resilience.trials import Trial

CLIENTS = 8
SHARE = 0.8
NOISE_MB = 4.0  # what memory may seem to grow by, of hundreds, where nothing stays: arenas of the allocator


def capacity(served: Served, requests: Sequence[Request], clients: int, seconds: float) -> float:
    """Answers a second to so many clients who send their next request at once."""
    with Traffic(served.port, requests, clients) as traffic:
        time.sleep(seconds)
    assert not traffic.wrong()
    return len(traffic.answers) / seconds


def memory_mb(served: Served) -> float:
    """What gunicorn's processes hold, in MB."""
    pids = [served.process.pid, *process_ids(served)]
    return sum(psutil.Process(pid).memory_info().rss for pid in pids) / 1_048_576


def growth_mb(samples: Sequence[float]) -> float:
    """How much the second half of the samples rises, by the line through it that is closest."""
    half = samples[len(samples) // 2 :]
    return statistics.linear_regression(range(len(half)), half).slope * (len(half) - 1)


def milliseconds(answers: Sequence[Answer]) -> str:
    """How long they took, for the table."""
    return f"p50 {percentile(answers, 50):.0f} ms, p99 {percentile(answers, 99):.0f} ms"


def test_no_error_and_no_growth_at_four_fifths_of_the_capacity(
    trial: Trial, full: bool, weather: Database, tmp_path: Path
) -> None:
    seconds, measured_s, every_s = (600, 20, 2.0) if full else (16, 3, 0.25)
    with serving_api(weather.environment(roles.API), tmp_path / "log") as served:
        requests = everything(served)
        capacity(served, requests, CLIENTS, measured_s)  # what is made at first use, is there
        most = capacity(served, requests, CLIENTS, measured_s)
        trial.what = f"{seconds} s of mixed traffic at {SHARE:.0%} of the capacity of {most:.0f} requests a second"
        samples, processes = [memory_mb(served)], process_ids(served)
        with Traffic(served.port, requests, clients=4 * CLIENTS, rate=SHARE * most) as traffic:
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                time.sleep(every_s)
                samples.append(memory_mb(served))
        trial.times, trial.lost = len(traffic.answers), traffic.wrong().total() + traffic.statuses()[503]
        grew = growth_mb(samples)
        trial.seen = f"{milliseconds(traffic.answers)}; {samples[-1]:.0f} MB, {grew:+.1f} in the second half"
        assert not traffic.wrong()
        assert not traffic.statuses()[503]
        assert grew < NOISE_MB, samples
        assert process_ids(served) == processes


def test_ten_times_the_clients_wait_their_turn(trial: Trial, full: bool, weather: Database, tmp_path: Path) -> None:
    seconds, many = (60, 50 * CLIENTS) if full else (6, 10 * CLIENTS)
    with serving_api(weather.environment(roles.API), tmp_path / "log") as served:
        requests = everything(served)
        capacity(served, requests, CLIENTS, seconds / 3)
        before, idle_mb = capacity(served, requests, CLIENTS, seconds / 2), memory_mb(served)
        with Traffic(served.port, requests, many) as traffic:
            time.sleep(seconds)
            crowded = len(traffic.answers) / seconds
            crowded_mb = memory_mb(served)
        trial.what = f"{many} clients where {CLIENTS} take all that there is, for {seconds} s"
        trial.times, trial.lost = len(traffic.answers), traffic.wrong().total()
        trial.seen = (
            f"{crowded / before:.0%} of the capacity, {milliseconds(traffic.answers)}, "
            f"{traffic.statuses()[503]} got a 503, {crowded_mb - idle_mb:+.0f} MB"
        )
        assert not traffic.wrong()
        # Half of it would be a collapse; what is between is this machine's other work.
        assert crowded > before / 2
        wait_until(lambda: served.get("/api/weather")[0] == 200, "it answers at once when they have gone", seconds=5)
        assert not capacity_falls(served, requests, before), "and as fast as before"


def capacity_falls(served: Served, requests: Sequence[Request], before: float) -> bool:
    """Whether the capacity is lower than it was, at each of three tries, by more than other work here explains."""
    return all(capacity(served, requests, CLIENTS, 2) < before / 2 for _ in range(3))

"""Every parser, given what a fuzzer makes up: from a fixed seed here, for as long as wanted by `make fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resilience.conftest import SEED
from tests.resilience.fuzzing import running
from tests.resilience.fuzzing.targets import NAMES, target
from tests.resilience.trials import Trial

INPUTS, INPUTS_IN_FULL = 500, 50_000


@pytest.fixture(scope="session")
def fuzzer() -> None:
    """The fuzzer in its own environment."""
    if not running.HERE:
        pytest.skip(running.NOT_HERE)
    running.install()


@pytest.mark.parametrize("name", NAMES)
def test_what_the_fuzzer_begins_with_holds_without_it(name: str, trial: Trial) -> None:
    seeds = list(target(name).seeds())
    trial.what, trial.times = f"{name}: inputs of our own, without the fuzzer", len(seeds)
    for seed in (b"", *seeds):
        target(name).check(seed)


@pytest.mark.usefixtures("fuzzer")
@pytest.mark.parametrize("name", NAMES)
def test_what_the_fuzzer_makes_up_holds(name: str, tmp_path: Path, trial: Trial, full: bool) -> None:
    inputs = INPUTS_IN_FULL if full else INPUTS
    trial.what = f"{name}: inputs made up by a fuzzer, guided by the lines they reach"
    run = running.fuzz(name, tmp_path / "corpus", inputs=inputs, seed=SEED)
    trial.times, trial.lost, trial.seen = run.inputs, int(bool(run.wrong)), f"{run.corpus} reached something new"
    assert not run.wrong, run.wrong
    assert run.inputs >= inputs
    assert run.corpus > len(list(target(name).seeds()))


@pytest.mark.usefixtures("fuzzer")
def test_a_parser_that_falls_over_is_noticed_and_the_input_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: Trial
) -> None:
    trial.what, trial.times = "a parser that cannot read what has a semicolon", 1
    (tmp_path / "sitecustomize.py").write_text(
        "import json\nplain = json.loads\n\n\ndef loads(text):\n    assert ';' not in text, 'planted'\n"
        "    return plain(text)\n\n\njson.loads = loads\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(running, "KEPT", tmp_path / "kept")
    run = running.fuzz("manifest", tmp_path / "corpus", inputs=100_000, seed=SEED)
    assert "planted" in run.wrong
    [kept] = (tmp_path / "kept" / "manifest").iterdir()
    assert b";" in kept.read_bytes()
    trial.seen = f"found after {run.inputs:,} inputs"

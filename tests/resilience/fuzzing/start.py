"""Runs one target in the fuzzer's environment.

    .tools/fuzz/bin/python -m tests.resilience.fuzzing.start TARGET CORPUS [OPTION ...]

The options are libFuzzer's, such as -runs=1000 -seed=1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

# Only ours is watched: what numpy or Flask do inside is not to guide the search.
with atheris.instrument_imports(include=["app", "database", "runtime", "worker"]):
    from tests.resilience.fuzzing.targets import target

    chosen = target(sys.argv[1])


def main(name: str, corpus: Path, *options: str) -> None:
    """Write the seeds into the corpus, and fuzz."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(chosen.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([name, str(corpus), *options], chosen.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])

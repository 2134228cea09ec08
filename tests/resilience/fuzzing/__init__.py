"""Fuzzing: input that a fuzzer makes up, guided by which of our lines it reaches, for whatever reads what others wrote.

`targets/` has a module for each parser with two functions: `seeds`, where to start, and `check`, what must hold for any
bytes. `start.py` runs one of them in atheris, `running.py` starts that in a process of its own. An input that a target
falls over is kept below tests/artefacts/fuzzing; `python -m tests.resilience.fuzzing --replay FILE TARGET` tries it
again, in a debugger if need be: without the fuzzer.
"""

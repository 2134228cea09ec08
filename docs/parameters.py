"""Writes docs/parameters.md from the templates: `make docs`, or `python -m docs.parameters`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deployment.parameters import written
from deployment.templates import Kit

PAGE = Path(__file__).with_suffix(".md")
TEMPLATES = Path(__file__).parents[1] / "cloudformation"

INTRODUCTION = """\
# Parameters of an AWS place

Everything that an inventory can choose under `stack_parameters`, by stack. What is not chosen has the default here. A
value that cannot be is refused before anything is asked of AWS. The other variables of an inventory are explained in
[inventory/production/group_vars/all/main.yml](../inventory/production/group_vars/all/main.yml).

```yaml
stack_parameters:
  network:
    NatMode: instance
  api:
    MinTasks: 3
```

What a change would do to what is there: `ansible-playbook playbooks/plan.yml -i inventory/production`; what it would
cost: `playbooks/cost.yml`.

`make docs` writes this page from the templates.
"""


def page() -> str:
    """The whole page: a table for each stack."""
    kit = Kit.load(TEMPLATES)
    parts = [INTRODUCTION]
    for name, template in kit.templates.items():
        wire = kit.wiring[name]
        chosen = {
            parameter: declared
            for parameter, declared in template.parameters.items()
            if parameter not in wire.takes and parameter not in wire.given
        }
        if chosen:
            parts.append(f"\n## {name}\n\n")
            parts.extend(_table(chosen))
    return "".join(parts)


def _table(parameters: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| parameter | is | accepts | default |\n| --- | --- | --- | --- |\n"
    for name, declared in parameters.items():
        text = " ".join(str(declared["Description"]).split()).partition(". ")
        # "From the inventory." says who gives it, which this page says already.
        meaning = text[2] or text[0]
        default = written(declared.get("Default", ""))
        yield f"| `{name}` | {_cell(meaning)} | {_cell(_accepted(declared))} | {f'`{default}`' if default else ''} |\n"


def _accepted(declared: Mapping[str, Any]) -> str:
    if choices := [written(choice) for choice in declared.get("AllowedValues", [])]:
        return ", ".join(f"`{choice}`" if choice else "nothing" for choice in choices)
    if declared["Type"] == "Number":
        low, high = declared.get("MinValue"), declared.get("MaxValue")
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"{low} or more" if low is not None else "a number"
    return str(declared.get("ConstraintDescription", ""))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

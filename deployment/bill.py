"""The month's bill as text: a table, what was assumed, and what would be cheaper."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from deployment.cost import Estimate
from deployment.savings import Saving

_WIDTH = 118


def bill(name: str, estimate: Estimate, *, colour: bool) -> str:
    """A line for each thing that is paid for, with sums by service."""
    table = Table(title=f"{name}: a month in US dollars", title_justify="left")
    table.add_column("service")
    table.add_column("what")
    for heading in ("quantity", "price of one", "dollars"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    for service, total in estimate.services.items():
        lines = [line for line in estimate.lines if line.service == service]
        for number, line in enumerate(lines):
            table.add_row(
                "" if number else service,
                line.what,
                f"{line.quantity:,.4g}" if line.quantity < 1_000 else f"{line.quantity:,.0f}",
                f"{line.price:.6g}",
                f"{line.total:,.2f}",
                line.unit,
            )
        if len(lines) > 1:
            table.add_row("", f"{service} together", "", "", f"[bold]{total:,.2f}[/bold]", "")
        table.add_section()
    table.add_row("[bold]together[/bold]", "", "", "", f"[bold]{estimate.total:,.2f}[/bold]", "")
    return _text(table, colour=colour)


def comparison(estimates: Mapping[str, Estimate], *, colour: bool) -> str:
    """Two bills side by side, by service."""
    (left, first), (right, second) = estimates.items()
    table = Table(title=f"{left} and {right}: a month in US dollars", title_justify="left")
    table.add_column("service")
    for heading in (left, right, "difference"):
        table.add_column(heading, justify="right")
    services = list(dict.fromkeys([*first.services, *second.services]))
    for service in services:
        one, other = first.services.get(service, 0), second.services.get(service, 0)
        table.add_row(service, f"{one:,.2f}", f"{other:,.2f}", f"{other - one:+,.2f}")
    table.add_section()
    table.add_row("together", f"{first.total:,.2f}", f"{second.total:,.2f}", f"{second.total - first.total:+,.2f}")
    return _text(table, colour=colour)


def cheaper(found: Sequence[Saving], *, colour: bool) -> str:
    """What would be cheaper; empty where nothing is known."""
    if not found:
        return ""
    table = Table(title="What would make it cheaper, each by itself", title_justify="left")
    table.add_column("variable of the inventory")
    table.add_column("dollars", justify="right")
    table.add_column("what is given up")
    for saving in found:
        table.add_row(f"{saving.variable}: {saving.value}", f"{-saving.usd:,.2f}", saving.given_up)
    return _text(table, colour=colour)


def _text(table: Table, *, colour: bool) -> str:
    # Never a window of Windows: the text is not printed here.
    console = Console(
        file=io.StringIO(), width=_WIDTH, force_terminal=colour, no_color=not colour, legacy_windows=False
    )
    with console.capture() as captured:
        console.print(table)
    return captured.get()

"""Several stacks: each when those that it needs are done, independent ones at the same time, outputs handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import parameters, stack
from deployment.events import Say, Watch
from deployment.session import Place, explain
from deployment.stack import Outcome, StackError, Wanted
from deployment.templates import Kit


@dataclass(frozen=True)
class Deployment:
    """The stacks of one place: what the inventory and the deployment say of them."""

    place: Place
    kit: Kit
    prefix: str
    environment: str
    chosen: Mapping[str, Mapping[str, object]]
    """The inventory's values, by stack and parameter."""
    given: Mapping[str, str]
    """What the deployment itself gives, by parameter: what a release built, for instance."""
    may_lose: frozenset[str] = frozenset()
    watch: Callable[[str, Mapping[str, str], Say], Watch | None] = field(default=lambda *_: None)
    """What looks after a stack, of whose parameters it is told, while it is being changed."""

    def name(self, which: str) -> str:
        """The name of a stack in AWS."""
        return f"{self.prefix}-{which}"

    def client(self, which: str) -> Any:
        """CloudFormation of the region that a stack is in."""
        return self.place.client("cloudformation", self.kit.wiring[which].region)

    def wanted(self, which: str, known: Mapping[str, Mapping[str, str]]) -> Wanted:
        """What a stack should be.

        Args:
            which: The stack.
            known: The outputs of the stacks that it takes something from.

        Raises:
            StackError: A parameter is missing.
        """
        template, wire = self.kit.templates[which], self.kit.wiring[which]
        values: dict[str, object] = dict(self.chosen.get(which) or {})
        values |= {name: self.given[name] for name in wire.given if name in self.given}
        for name, source in wire.takes.items():
            supplier, _, output = source.partition(".")
            # An output may be missing where it is of something optional: the parameter then has a default.
            if output in known.get(supplier, {}):
                values[name] = known[supplier][output]
        values["Environment"] = self.environment
        complete = parameters.completed(template, values)
        if missing := sorted(set(template.parameters) - set(complete)):
            raise StackError(f"The stack {self.name(which)} lacks {', '.join(missing)}: see cloudformation/wiring.yml")
        tags = {"Project": "windsock", "Environment": self.environment}
        return Wanted(self.name(which), template.body, complete, tags, template.resources, self.place.stack_role)


def deploy(these: Deployment, only: Iterable[str], say: Say) -> dict[str, Outcome]:
    """Bring stacks to what is wanted.

    Args:
        these: The stacks of a place.
        only: Which of them. What they take from others must be there.
        say: Shows a line.

    Raises:
        StackError: One or more failed. The others that had begun were followed to their end, none was begun afterwards.
    """

    def one(which: str, known: Mapping[str, Mapping[str, str]]) -> Outcome:
        tell = _named(which, say)
        wanted = these.wanted(which, known)
        watch = these.watch(which, wanted.parameters, tell)
        return stack.deploy(these.client(which), wanted, tell, watch, these.may_lose)

    return _through(these, only, one)


def plan(these: Deployment, only: Iterable[str]) -> dict[str, Outcome]:
    """What `deploy` would change, without changing it.

    What the deployment itself would give and does not, such as an image that is not built yet, is taken to stay.

    Raises:
        StackError: A stack cannot be changed now.
    """

    def one(which: str, known: Mapping[str, Mapping[str, str]]) -> Outcome:
        client = these.client(which)
        present = stack.parameters(client, these.name(which))
        kept = {name: present[name] for name in these.kit.wiring[which].given if name in present}
        try:
            wanted = replace(these, given={**kept, **these.given}).wanted(which, known)
        except StackError:
            # It takes what is not there yet: its own resources are all that can be foreseen.
            resources = these.kit.templates[which].resources
            wanted = Wanted(these.name(which), these.kit.templates[which].body, {}, {}, resources)
        return stack.plan(client, wanted)

    return _through(these, only, one)


def delete(these: Deployment, only: Sequence[str], say: Say) -> list[str]:
    """Delete stacks, each after those that need it. Protection against deletion is taken off first.

    Returns:
        Those that there were, in the order of their deletion.

    Raises:
        StackError: Something could not be deleted. Nothing that it stands on was touched.
    """
    for which in only:
        unprotected = {"DeletionProtection": "no"}
        stack.change_parameters(these.client(which), these.name(which), unprotected, _named(which, say))
    backwards = reversed(list(these.kit.order(only).static_order()))
    return [which for which in backwards if stack.delete(these.client(which), these.name(which), _named(which, say))]


def remove_failed(these: Deployment, only: Iterable[str], say: Say) -> None:
    """Delete those whose creation failed, each after those that need it."""
    for which in reversed(list(these.kit.order(only).static_order())):
        stack.remove_if_never_made(these.client(which), these.name(which), _named(which, say))


def outputs(these: Deployment, only: Iterable[str]) -> dict[str, dict[str, str]]:
    """The outputs of stacks as they are now; those that do not exist are left out."""
    found = {which: stack.outputs(these.client(which), these.name(which)) for which in only}
    return {which: values for which, values in found.items() if values is not None}


def _named(which: str, say: Say) -> Say:
    return lambda line: say(f"  {which:<10} {line}")


def _through(
    these: Deployment, only: Iterable[str], one: Callable[[str, Mapping[str, Mapping[str, str]]], Outcome]
) -> dict[str, Outcome]:
    """Do one thing to each stack as soon as those that it needs are done."""
    wanted = set(only)
    needed = {source.partition(".")[0] for which in wanted for source in these.kit.wiring[which].takes.values()}
    known = outputs(these, needed - wanted)
    done: dict[str, Outcome] = {}
    failed: list[str] = []
    order = these.kit.order(wanted)
    order.prepare()
    running: dict[Future[Outcome], str] = {}
    with ThreadPoolExecutor(max_workers=len(these.kit.wiring)) as pool:
        while order.is_active():
            for which in () if failed else order.get_ready():
                running[pool.submit(one, which, dict(known))] = which
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                which = running.pop(future)
                try:
                    done[which] = future.result()
                except StackError as error:
                    failed.append(str(error))
                except (BotoCoreError, ClientError) as error:
                    failed.append(f"The stack {these.name(which)}: {explain(error)}")
                else:
                    known[which] = done[which].outputs
                    order.done(which)
    if failed:
        raise StackError("\n".join(failed))
    return done

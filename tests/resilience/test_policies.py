"""What each role of the templates may and may not do, by IAM's own rules; and that each bound of a policy matters.

The lists are in tests/resilience/permissions: what may be done, and what must not. They are tried on the templates as
they are, and on templates with a bound taken away, of which the lists have to notice each.
"""

from __future__ import annotations

from tests.resilience import policies
from tests.resilience.deployed import ACCOUNT, deployment
from tests.resilience.policies import Question, Statement, decisions, listed, questions
from tests.resilience.trials import Trial

ANYTHING: Statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
OTHER_ACCOUNT = "999999999999"
EXPECTED = {
    "may": "Allow",
    "may not": "ImplicitDeny",
    "allows": "Allow",
    "refuses": "Deny",
    "says nothing": "ImplicitDeny",
}


def all_of(*kinds: str) -> list[tuple[Question, str]]:
    """Each question of these kinds, with the decision that is right."""
    return [(one, EXPECTED[kind]) for address in listed() for kind in kinds for one in questions(address, kind)]


def test_the_lists_have_every_role_and_every_policy() -> None:
    of = deployment()
    assert set(listed()) == {*policies.roles(of), *policies.resource_policies(of)}


def test_each_role_may_do_what_is_listed_and_not_what_is_denied(trial: Trial) -> None:
    trial.what = "each role of the templates asked for what it needs and for what it must not have"
    of = deployment()
    statements = {address: own + policies.managed(of, address) for address, own in policies.roles(of).items()}
    asked = all_of("may", "may not")
    found = decisions([one.asked(statements[one.of]) for one, _ in asked])
    wrong = [f"{one}: {is_}" for (one, right), is_ in zip(asked, found, strict=True) if is_ != right]
    trial.times, trial.lost = len(asked), len(wrong)
    trial.seen = f"{len(statements)} roles, {found.count('ImplicitDeny')} refusals"
    assert wrong == []


def test_no_role_is_granted_an_action_that_is_not_listed() -> None:
    for address, statements in policies.roles(deployment()).items():
        if statements:
            assert policies.actions(statements) == {one.action for one in questions(address, "may")}, address


def test_each_role_is_taken_by_its_service_for_this_account_alone(trial: Trial) -> None:
    trial.what = "each role taken by other services, from another account, by a person"
    asked: list[tuple[str, Question, str]] = []
    for address in policies.trusts(deployment()):
        about = listed()[address]
        here = {"aws:SourceAccount": ACCOUNT}
        elsewhere = {"aws:SourceAccount": OTHER_ACCOUNT}
        tries = {
            (about["trusts"], tuple(here.items())): "Allow",
            (about["trusts"], tuple(elsewhere.items())): "Allow" if "of any account" in about else "ImplicitDeny",
            ("sns.amazonaws.com", tuple(here.items())): "ImplicitDeny",
            ("nobody", tuple(here.items())): "ImplicitDeny",
        }
        for (service, context), right in tries.items():
            asked.append((address, Question(address, "sts:AssumeRole", "*", context, service), right))
    statements = policies.trusts(deployment())
    found = decisions([one.asked(statements[address]) for address, one, _ in asked])
    wrong = [f"{one}: {is_}" for (_, one, right), is_ in zip(asked, found, strict=True) if is_ != right]
    trial.times, trial.lost = len(asked), len(wrong)
    assert wrong == []


def test_buckets_queue_and_topic_refuse_what_is_not_by_tls(trial: Trial) -> None:
    trial.what = "buckets, queue and topic asked without TLS, with an old one, by services, for another account"
    statements = policies.resource_policies(deployment())
    asked = all_of("allows", "refuses", "says nothing")
    found = decisions([one.asked(statements[one.of]) for one, _ in asked])
    wrong = [f"{one}: {is_}" for (one, right), is_ in zip(asked, found, strict=True) if is_ != right]
    trial.times, trial.lost = len(asked), len(wrong)
    assert wrong == []


def test_a_policy_of_everything_would_allow_all_that_is_denied(trial: Trial) -> None:
    trial.what = "each denied entry, on a policy that was widened to *: it would be allowed, and the lists notice"
    asked = [one for one, _ in all_of("may not")]
    found = decisions([one.asked([ANYTHING]) for one in asked])
    trial.times, trial.lost = len(asked), len(found) - found.count("Allow")
    assert set(found) == {"Allow"}


def test_each_bound_of_a_policy_is_missed_when_it_is_gone(trial: Trial) -> None:
    trial.what = "one bound taken away from one statement (its resource, its condition): the lists notice"
    changed: list[tuple[str, list[Question], list[Statement], str]] = []
    for address, statements in policies.roles(deployment()).items():
        for what, wider in policies.widenings(statements):
            changed.append((f"{address}: {what}", list(questions(address, "may not")), wider, "ImplicitDeny"))
    for address, statements in policies.resource_policies(deployment()).items():
        for what, wider in policies.widenings(statements):
            changed.append((f"{address}: {what}", list(questions(address, "says nothing")), wider, "ImplicitDeny"))
        for at, statement in enumerate(statements):
            kind, right = ("refuses", "Deny") if statement["Effect"] == "Deny" else ("allows", "Allow")
            without = [*statements[:at], *statements[at + 1 :]]
            changed.append((f"{address}: {statement['Sid']}", list(questions(address, kind)), without, right))
    answers = iter(decisions([one.asked(wider) for _, asked, wider, _ in changed for one in asked]))
    unnoticed = [what for what, asked, _, right in changed if {next(answers) for _ in asked} <= {right}]
    trial.times, trial.lost = len(changed), len(unnoticed)
    assert unnoticed == []

"""The AWS deployment from nothing to nothing, on the emulated AWS: each test goes on where the one before it ended.

`make rehearse` runs these alone and shows what the playbooks print.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.client import get
from tests.acceptance.rehearsal.rehearsal import Rehearsal, eventually, under_load
from worker.sample import write_sample

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

STATIONS = 3
SOON = ("-e", "release_deadline_minutes=1")
"""For a release that is known to fail: how long it is waited for is not what the test is about."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Some station files."""
    folder = tmp_path_factory.mktemp("files")
    write_sample(folder, stations=STATIONS)
    return sorted(path for path in folder.iterdir() if path.is_file())


def put(rehearsal: Rehearsal, path: Path, name: str | None = None) -> None:
    """Put a file into the bucket of weather files."""
    bucket = rehearsal.outputs("storage")["WeatherBucketName"]
    rehearsal.place.client("s3").upload_file(str(path), bucket, name or path.name)


def tasks_started(rehearsal: Rehearsal) -> int:
    """How many passes of the worker there have been."""
    ecs, family = rehearsal.place.client("ecs"), "worker"
    cluster = rehearsal.outputs("cluster")["ClusterName"]
    found: set[str] = set()
    for state in ("RUNNING", "STOPPED"):
        listed = ecs.list_tasks(cluster=cluster, desiredStatus=state)["taskArns"]
        for task in ecs.describe_tasks(cluster=cluster, tasks=listed)["tasks"] if listed else []:
            if any(container["name"] == family for container in task["containers"]):
                found.add(task["taskArn"])
    return len(found)


def ingestions(rehearsal: Rehearsal) -> list[dict[str, object]]:
    """The passes that the API knows of, the newest first."""
    return list(get(f"{rehearsal.url}/api/ingestions").json()["data"])


def test_everything_is_deployed_and_answers_through_the_public_address(rehearsal: Rehearsal) -> None:
    played = rehearsal.play("site.yml")
    assert played.code == 0, played.text
    assert "Windsock is running on AWS" in played.text
    ready = get(f"{rehearsal.url}/health/ready")
    assert ready.status == 200
    assert ready.json()["revision"] in played.text
    assert "X-Cache" in ready.headers  # it came by CloudFront
    assert len(rehearsal.containers("api")) == 2
    assert len(rehearsal.containers("rds")) == 1
    for page in ("/docs/", "/openapi.json"):
        assert get(rehearsal.url + page).status == 200, page


def test_a_second_run_changes_nothing(rehearsal: Rehearsal) -> None:
    played = rehearsal.play("site.yml")
    assert (played.code, played.counted("changed")) == (0, 0), played.text


def test_how_it_is_fits_on_one_screen(rehearsal: Rehearsal) -> None:
    played = rehearsal.play("playbooks/status.yml")
    assert (played.code, played.counted("changed")) == (0, 0), played.text
    for said in (
        "ingestion, api, pipeline: all as they should be",
        "API          2 of 2 tasks run",
        f"Image        {rehearsal.revision()}",
        "available, db.t4g.small in 1 zone",
        "Backup       any moment of the last 7 days, until ",
        "Last pass    none yet",
        "06:00 UTC",
        "Alarms       none is on",
        f"Address      {rehearsal.url}",
    ):
        assert said in played.text, said


def test_the_schedule_has_new_files_loaded_and_calculated(rehearsal: Rehearsal, files: list[Path]) -> None:
    for path in files:
        put(rehearsal, path)
    rehearsal.fire_schedule()
    assert eventually(lambda: bool(ingestions(rehearsal)) and ingestions(rehearsal)[0]["status"] != "running", 120)
    newest = ingestions(rehearsal)[0]
    assert (newest["status"], newest["trigger"], newest["files_loaded"]) == ("succeeded", "schedule", len(files))
    assert eventually(lambda: get(f"{rehearsal.url}/api/stations").json()["pagination"]["total_items"] == STATIONS, 10)
    assert get(f"{rehearsal.url}/api/weather/stats?per_page=1").json()["pagination"]["total_items"] > 0


def test_when_nothing_is_new_nothing_is_started(rehearsal: Rehearsal) -> None:
    before = tasks_started(rehearsal)
    function = rehearsal.outputs("ingestion")["CheckerFunctionName"]
    answer = rehearsal.place.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    rehearsal.fire_schedule()
    assert not eventually(lambda: tasks_started(rehearsal) != before, 10)


def test_a_folder_is_uploaded_and_loaded_at_once(rehearsal: Rehearsal, tmp_path: Path) -> None:
    (tmp_path / "USC00999999.txt").write_text("20200101\t   10\t  -10\t    0\nnonsense\n", encoding="utf-8")
    played = rehearsal.play("playbooks/ingest.yml", "-e", f"upload={tmp_path}")
    assert played.code == 0, played.text
    assert "1 files loaded" in played.text
    assert "1 days new, 0 revised, 1 lines rejected" in played.text
    shown = rehearsal.play("playbooks/logs.yml", "-e", "of=worker", "-e", "since=5m")
    assert shown.code == 0, shown.text
    assert "USC00999999.txt" in shown.text
    # As it was for the tests that follow: what is gone from the bucket stays in the database.
    bucket = rehearsal.outputs("storage")["WeatherBucketName"]
    rehearsal.place.client("s3").delete_object(Bucket=bucket, Key="USC00999999.txt")


def test_a_file_that_is_no_weather_raises_an_alarm_that_reaches_who_is_told(
    rehearsal: Rehearsal, tmp_path: Path
) -> None:
    sqs, sns = rehearsal.place.client("sqs"), rehearsal.place.client("sns")
    queue = sqs.create_queue(QueueName="who-is-told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=rehearsal.outputs("monitoring")["AlarmTopicArn"], Protocol="sqs", Endpoint=arn)
    broken = tmp_path / "broken.txt"
    broken.write_text("This is a letter, and no weather.\n" * 20, encoding="utf-8")
    put(rehearsal, broken)
    rehearsal.fire_schedule()
    told: list[str] = []

    def is_told() -> bool:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        told.extend(json.loads(message["Body"])["Message"] for message in messages)
        return any("ingest" in text.lower() for text in told)

    assert eventually(is_told, 150), told
    assert ingestions(rehearsal)[0]["files_failed"] == 1
    bucket = rehearsal.outputs("storage")["WeatherBucketName"]
    rehearsal.place.client("s3").delete_object(Bucket=bucket, Key="broken.txt")


def test_a_release_loses_no_request(rehearsal: Rehearsal) -> None:
    before = rehearsal.revision()
    rehearsal.change("app/health.py", '"status": status', '"new": True, "status": status')
    with under_load(rehearsal.url) as load:
        played = rehearsal.play("playbooks/release.yml")
        assert played.code == 0, played.text
    assert load.failed == []
    assert load.answered > 100
    assert load.revisions == [before, rehearsal.revision()]
    assert get(f"{rehearsal.url}/health/live").json()["new"] is True


def test_back_to_the_release_before_without_a_build_and_without_a_lost_request(rehearsal: Rehearsal) -> None:
    before = rehearsal.revision()
    with under_load(rehearsal.url) as load:
        played = rehearsal.play("playbooks/rollback.yml")
        assert played.code == 0, played.text
    assert f"Back from {before} to {rehearsal.revision()}" in played.text
    assert "building" not in played.text
    assert load.failed == []
    assert "new" not in get(f"{rehearsal.url}/health/live").json()
    nothing_older = rehearsal.play("playbooks/rollback.yml")
    assert nothing_older.code != 0
    assert f"There is no release before {rehearsal.revision()}" in nothing_older.text


def test_a_migration_that_cannot_be_gone_back_over_stands_in_the_way(rehearsal: Rehearsal) -> None:
    before = rehearsal.revision()
    migration = "database/migrations/versions/0002_event_trigger.py"
    rehearsal.change(migration, 'works_with_code_of = "0001"', 'works_with_code_of = "0002"')
    # A release of before that migration was there: its commit knows the first only.
    old = rehearsal.commit_without(migration)
    rehearsal.tag_images(before, old)
    played = rehearsal.play("playbooks/rollback.yml", "-e", f"to={old}")
    assert played.code != 0
    assert "0002_event_trigger: A pass may have been started by an event" in played.text
    assert rehearsal.revision() == before
    rehearsal.restore()


def test_a_release_that_never_gets_healthy_leaves_the_old_one_answering(rehearsal: Rehearsal) -> None:
    before = rehearsal.revision()
    rehearsal.change(
        "app/health.py",
        'return _health("ready", schema=revision, reads_from=state().reads.server)',
        'raise UnavailableError("never ready")',
    )
    with under_load(rehearsal.url) as load:
        played = rehearsal.play("playbooks/release.yml", *SOON)
    assert played.code != 0
    assert "healthy" in played.text
    assert before in played.text
    assert load.failed == []
    assert load.revisions == [before] == [rehearsal.revision()]
    rehearsal.restore()


def test_an_image_that_does_not_start_leaves_the_old_one_answering(rehearsal: Rehearsal) -> None:
    before = rehearsal.revision()
    rehearsal.change("app/gunicorn.conf.py", "import socket\n", "raise SystemExit('no such thing')\n")
    played = rehearsal.play("playbooks/release.yml", *SOON)
    assert played.code != 0
    assert "no such thing" in played.text
    assert rehearsal.revision() == before
    rehearsal.restore()


def test_a_migration_that_fails_leaves_the_old_one_answering(rehearsal: Rehearsal) -> None:
    before, stations = rehearsal.revision(), get(f"{rehearsal.url}/api/stations").json()["pagination"]
    rehearsal.change("worker/__main__.py", "from __future__ import annotations", BROKEN_MIGRATION)
    played = rehearsal.play("playbooks/release.yml")
    assert played.code != 0
    assert "the column is in use" in played.text
    assert rehearsal.revision() == before
    assert get(f"{rehearsal.url}/api/stations").json()["pagination"] == stations
    rehearsal.restore()


BROKEN_MIGRATION = """from __future__ import annotations
import sys
if "migrate" in sys.argv:
    raise SystemExit("the column is in use")"""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-e", '{"aws": {"region": "us-est-1"}}'], "there is no such region"),
        (["-e", '{"stack_parameters": {"network": {"NatMode": "two"}}}'], "it must be one of none, instance"),
        (["-e", '{"stack_parameters": {"database": {"InstanceClass": "db.t9.huge"}}}'], "has no db.t9.huge"),
    ],
)
def test_what_cannot_be_is_stopped_before_anything_is_changed(
    rehearsal: Rehearsal, options: list[str], said: str
) -> None:
    played = rehearsal.play("site.yml", *options)
    assert played.code != 0
    assert said in played.text
    assert "changed=0" in played.text


def test_a_plan_of_what_is_there_says_that_nothing_would_change(rehearsal: Rehearsal) -> None:
    played = rehearsal.play("playbooks/plan.yml")
    assert played.code == 0, played.text
    assert "0 to add, 0 to modify" in played.text


def test_a_deployment_is_deleted_and_its_data_are_kept(rehearsal: Rehearsal) -> None:
    bucket = rehearsal.outputs("storage")["WeatherBucketName"]
    refused = rehearsal.play("playbooks/destroy.yml", "-e", "confirm=windsock-production")
    assert refused.code != 0
    assert get(f"{rehearsal.url}/health/ready").status == 200
    played = rehearsal.play("playbooks/destroy.yml", "-e", "confirm=windsock-rehearsal")
    assert played.code == 0, played.text
    client = rehearsal.place.client("cloudformation")
    assert [
        stack["StackName"] for stack in client.describe_stacks()["Stacks"] if "DELETE" not in stack["StackStatus"]
    ] == []
    assert rehearsal.containers() == []
    listed = rehearsal.place.client("s3").list_objects_v2(Bucket=bucket)
    assert listed["KeyCount"] >= STATIONS
    snapshots = rehearsal.place.client("rds").describe_db_snapshots()["DBSnapshots"]
    assert len(snapshots) == 1

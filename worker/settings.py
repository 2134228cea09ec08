"""What the worker is told by its environment."""

from __future__ import annotations

import dataclasses

from database.settings import DatabaseSettings
from runtime.environment import one_of, variable, whole_number, yes_or_no
from runtime.settings import DeploymentSettings, LogSettings, TracingSettings
from worker import cron, trigger
from worker.sources import parse_address
from worker.sources.settings import AccessSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceSettings(AccessSettings):
    """Where the weather files are and how they are to be read."""

    address: str = variable(
        "WINDSOCK_SOURCE",
        holds="the folder or the s3://bucket/prefix with the weather files",
        parse=parse_address,
        required=True,
    )
    daily_summaries_units: str | None = variable(
        "WINDSOCK_DAILY_SUMMARIES_UNITS",
        holds="metric or standard: the units of NCEI daily summaries files, which do not state them",
        parse=one_of("metric", "standard"),
    )
    manifest: str | None = variable(
        "WINDSOCK_MANIFEST",
        holds="the path or s3:// address where a pass writes what it has loaded, or off; "
        "when not set, _windsock/manifest.json beside the files of a bucket that is not read anonymously",
        parse=str,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportSettings(DeploymentSettings):
    """What a pass says of itself besides the log."""

    metrics_format: str = variable(
        "WINDSOCK_METRICS",
        holds="emf to write CloudWatch metrics to standard output in Embedded Metric Format, or none",
        parse=one_of("emf", "none"),
        default="none",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """What a pass needs, whatever starts it."""

    database: DatabaseSettings = dataclasses.field(default_factory=DatabaseSettings)
    source: SourceSettings = dataclasses.field(default_factory=SourceSettings)
    report: ReportSettings = dataclasses.field(default_factory=ReportSettings)
    log: LogSettings = dataclasses.field(default_factory=LogSettings)
    tracing: TracingSettings = dataclasses.field(default_factory=TracingSettings)
    jobs: int = variable(
        "WINDSOCK_JOBS",
        holds="how many files are loaded at the same time, each over a connection of its own, 1 to 16",
        parse=whole_number(1, 16),
        default="2",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnePassSettings(IngestSettings):
    """One pass that something else starts: `python -m worker ingest`."""

    trigger: str = variable(
        trigger.VARIABLE,
        holds="manual, schedule or event: what started this pass, as /api/ingestions shows it",
        parse=one_of(*trigger.GIVEN),
        default=trigger.MANUAL,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """When passes run: `python -m worker schedule`."""

    ingest: IngestSettings = dataclasses.field(default_factory=IngestSettings)
    schedule: str = variable(
        "WINDSOCK_SCHEDULE",
        holds="when a pass starts, as five fields of cron: minute, hour, day of the month, month, day of the week",
        parse=cron.cron,
        default="0 6 * * *",
    )
    time_zone: str = variable(
        "WINDSOCK_SCHEDULE_TIMEZONE",
        holds="the time zone of the schedule, such as UTC or Europe/Berlin",
        parse=cron.time_zone,
        default="UTC",
    )
    run_at_start: bool = variable(
        "WINDSOCK_RUN_AT_START",
        holds="yes to run one pass as soon as the schedule starts, else no",
        parse=yes_or_no,
        default="no",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MigrateSettings:
    """What migrations need: `python -m worker migrate`, as the owner of the database."""

    database: DatabaseSettings = dataclasses.field(default_factory=DatabaseSettings)
    log: LogSettings = dataclasses.field(default_factory=LogSettings)
    worker_password_file: str | None = variable(
        "WINDSOCK_WORKER_PASSWORD_FILE",
        holds="the path of a file with the password to give to the role windsock_worker",
        parse=str,
    )
    worker_secret: str | None = variable(
        "WINDSOCK_WORKER_SECRET",
        holds="the AWS Secrets Manager secret with the password to give to the role windsock_worker",
        parse=str,
    )
    api_password_file: str | None = variable(
        "WINDSOCK_API_PASSWORD_FILE",
        holds="the path of a file with the password to give to the role windsock_api",
        parse=str,
    )
    api_secret: str | None = variable(
        "WINDSOCK_API_SECRET",
        holds="the AWS Secrets Manager secret with the password to give to the role windsock_api",
        parse=str,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class InspectSettings:
    """What a look into the database needs: `python -m worker inspect`, as any of the roles."""

    database: DatabaseSettings = dataclasses.field(default_factory=DatabaseSettings)
    log: LogSettings = dataclasses.field(default_factory=LogSettings)

"""The first tables.

Revision: 0001, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ingestion",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="the folder or s3:// address that was listed"),
        sa.Column(
            "generated", sa.Boolean(), nullable=False, comment="the source is made by `worker sample`: no real weather"
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="failed: some file could not be loaded; interrupted: the pass was stopped before its end",
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="why the pass ended early"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("files_found", sa.Integer(), nullable=True),
        sa.Column("files_unchanged", sa.Integer(), nullable=True, comment="skipped: this version is recorded already"),
        sa.CheckConstraint("trigger IN ('manual', 'schedule', 'start')", name=op.f("ingestion_trigger_check")),
        sa.CheckConstraint(
            "status IN ('running', 'succeeded', 'failed', 'interrupted')", name=op.f("ingestion_status_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ingestion_pkey")),
        comment="One pass over the source",
    )
    op.create_table(
        "observation",
        sa.Column("station_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("tmax", sa.SmallInteger(), nullable=True, comment="maximum temperature, tenths of a degree C"),
        sa.Column("tmin", sa.SmallInteger(), nullable=True, comment="minimum temperature, tenths of a degree C"),
        sa.Column("prcp", sa.SmallInteger(), nullable=True, comment="precipitation, tenths of a mm"),
        sa.Column("snow", sa.SmallInteger(), nullable=True, comment="snowfall, mm"),
        sa.Column("snwd", sa.SmallInteger(), nullable=True, comment="snow depth, mm"),
        sa.PrimaryKeyConstraint("station_id", "date", name=op.f("observation_pkey")),
        comment="One station, one day",
    )
    op.create_table(
        "station",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False, comment="what the source calls it, such as USC00110072"),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True, comment="degrees north"),
        sa.Column("longitude", sa.Double(), nullable=True, comment="degrees east"),
        sa.Column("elevation_m", sa.Double(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True, comment="postal code of a US state or Canadian province"),
        sa.Column("wmo_id", sa.Text(), nullable=True, comment="World Meteorological Organization number"),
        sa.PrimaryKeyConstraint("id", name=op.f("station_pkey")),
        sa.UniqueConstraint("code", name=op.f("station_code_key")),
        comment="A weather station; the description comes from ghcnd-stations.txt",
    )
    op.create_table(
        "yearly_statistics",
        sa.Column("station_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "avg_max_temp_c", sa.Numeric(precision=6, scale=2), nullable=True, comment="NULL where no day has a maximum"
        ),
        sa.Column(
            "avg_min_temp_c", sa.Numeric(precision=6, scale=2), nullable=True, comment="NULL where no day has a minimum"
        ),
        sa.Column(
            "total_precipitation_cm",
            sa.Numeric(precision=8, scale=2),
            nullable=True,
            comment="NULL where no day has a precipitation",
        ),
        sa.Column("days", sa.SmallInteger(), nullable=False, comment="days with a row, whatever it holds"),
        sa.Column("max_temp_days", sa.SmallInteger(), nullable=False, comment="days with a maximum"),
        sa.Column("min_temp_days", sa.SmallInteger(), nullable=False, comment="days with a minimum"),
        sa.Column("precipitation_days", sa.SmallInteger(), nullable=False, comment="days with a precipitation"),
        sa.PrimaryKeyConstraint("station_id", "year", name=op.f("yearly_statistics_pkey")),
        comment="One station, one year; every row of observation is counted in exactly one of these",
    )
    op.create_table(
        "source_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column(
            "version", sa.Text(), nullable=False, comment="SHA-256 of a file in a folder, ETag of an object in S3"
        ),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "sha256", sa.Text(), nullable=True, comment="of the content read; NULL where it was not read to its end"
        ),
        sa.Column("format", sa.Text(), nullable=True, comment="NULL where none was recognised"),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="failed: cannot be loaded as it is; interrupted: is tried again by the next pass",
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=False, comment="lines with data, rejected ones included"),
        sa.Column("rows_inserted", sa.BigInteger(), nullable=False, comment="station-days"),
        sa.Column("rows_updated", sa.BigInteger(), nullable=False),
        sa.Column("rows_unchanged", sa.BigInteger(), nullable=False),
        sa.Column(
            "rows_rejected", sa.BigInteger(), nullable=False, comment="lines; rejected_line keeps the first 1,000"
        ),
        sa.Column("rows_duplicate", sa.BigInteger(), nullable=False, comment="lines that repeat an earlier one"),
        sa.Column(
            "values_flagged",
            sa.BigInteger(),
            nullable=False,
            comment="values left out: they failed a check of the source",
        ),
        sa.Column("warnings", sa.BigInteger(), nullable=False, comment="days whose maximum is below their minimum"),
        sa.Column("first_date", sa.Date(), nullable=True),
        sa.Column("last_date", sa.Date(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ingestion_id"], ["ingestion.id"], name=op.f("source_file_ingestion_id_fkey")),
        sa.CheckConstraint("status IN ('loaded', 'failed', 'interrupted')", name=op.f("source_file_status_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("source_file_pkey")),
        comment="The ledger: one row for each time that a version of a file was tried",
    )
    op.create_index(
        "source_file_changed_idx",
        "source_file",
        [sa.literal_column("id DESC"), "finished_at"],
        unique=False,
        postgresql_where=sa.text("rows_inserted + rows_updated > 0"),
    )
    op.create_index(op.f("source_file_ingestion_id_idx"), "source_file", ["ingestion_id"], unique=False)
    op.create_index(op.f("source_file_uri_id_idx"), "source_file", ["uri", sa.literal_column("id DESC")], unique=False)
    op.create_table(
        "rejected_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_file_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False, comment="counted from 1"),
        sa.Column("text", sa.Text(), nullable=False, comment="the line as it was, shortened to 500 characters"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["source_file_id"], ["source_file.id"], name=op.f("rejected_line_source_file_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("rejected_line_pkey")),
        comment="Lines that could not be loaded, the first 1,000 of each file",
    )
    op.create_index(op.f("rejected_line_source_file_id_idx"), "rejected_line", ["source_file_id"], unique=False)


def downgrade() -> None:
    op.drop_table("rejected_line")
    op.drop_table("source_file")
    op.drop_table("yearly_statistics")
    op.drop_table("station")
    op.drop_table("observation")
    op.drop_table("ingestion")

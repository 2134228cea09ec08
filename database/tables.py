"""The tables. Narrow and typed: the width of a row is the cost of a load and of a read.

Daily values are kept in the units of the source formats, as whole numbers: temperatures in tenths of a degree Celsius,
precipitation in tenths of a millimetre, snow in millimetres. NULL is a missing value, never 0.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    text,
)

# Names by rule, so that a migration can name what it drops.
metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

station = Table(
    "station",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True, comment="what the source calls it, such as USC00110072"),
    Column("name", Text),
    Column("latitude", Double, comment="degrees north"),
    Column("longitude", Double, comment="degrees east"),
    Column("elevation_m", Double),
    Column("state", Text, comment="postal code of a US state or Canadian province"),
    Column("wmo_id", Text, comment="World Meteorological Organization number"),
    comment="A weather station; the description comes from ghcnd-stations.txt",
)

# No foreign key and no second index: each would cost more than half of the load's rate, and no query needs them.
observation = Table(
    "observation",
    metadata,
    Column("station_id", Integer, primary_key=True, autoincrement=False),
    Column("date", Date, primary_key=True),
    Column("tmax", SmallInteger, comment="maximum temperature, tenths of a degree C"),
    Column("tmin", SmallInteger, comment="minimum temperature, tenths of a degree C"),
    Column("prcp", SmallInteger, comment="precipitation, tenths of a mm"),
    Column("snow", SmallInteger, comment="snowfall, mm"),
    Column("snwd", SmallInteger, comment="snow depth, mm"),
    comment="One station, one day",
)

yearly_statistics = Table(
    "yearly_statistics",
    metadata,
    Column("station_id", Integer, primary_key=True, autoincrement=False),
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("avg_max_temp_c", Numeric(6, 2), comment="NULL where no day has a maximum"),
    Column("avg_min_temp_c", Numeric(6, 2), comment="NULL where no day has a minimum"),
    Column("total_precipitation_cm", Numeric(8, 2), comment="NULL where no day has a precipitation"),
    Column("days", SmallInteger, nullable=False, comment="days with a row, whatever it holds"),
    Column("max_temp_days", SmallInteger, nullable=False, comment="days with a maximum"),
    Column("min_temp_days", SmallInteger, nullable=False, comment="days with a minimum"),
    Column("precipitation_days", SmallInteger, nullable=False, comment="days with a precipitation"),
    comment="One station, one year; every row of observation is counted in exactly one of these",
)

ingestion = Table(
    "ingestion",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "trigger",
        Text,
        CheckConstraint("trigger IN ('manual', 'schedule', 'start', 'event')", "trigger"),
        nullable=False,
    ),
    Column("source", Text, nullable=False, comment="the folder or s3:// address that was listed"),
    Column("generated", Boolean, nullable=False, comment="the source is made by `worker sample`: no real weather"),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('running', 'succeeded', 'failed', 'interrupted')", "status"),
        nullable=False,
        comment="failed: some file could not be loaded; interrupted: the pass was stopped before its end",
    ),
    Column("error", Text, comment="why the pass ended early"),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("files_found", Integer),
    Column("files_unchanged", Integer, comment="skipped: this version is recorded already"),
    comment="One pass over the source",
)

source_file = Table(
    "source_file",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ingestion_id", BigInteger, ForeignKey("ingestion.id"), nullable=False),
    Column("uri", Text, nullable=False),
    Column("version", Text, nullable=False, comment="SHA-256 of a file in a folder, ETag of an object in S3"),
    Column("bytes", BigInteger, nullable=False),
    Column("modified_at", DateTime(timezone=True)),
    Column("sha256", Text, comment="of the content read; NULL where it was not read to its end"),
    Column("format", Text, comment="NULL where none was recognised"),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('loaded', 'failed', 'interrupted')", "status"),
        nullable=False,
        comment="failed: cannot be loaded as it is; interrupted: is tried again by the next pass",
    ),
    Column("error", Text),
    Column("rows_read", BigInteger, nullable=False, comment="lines with data, rejected ones included"),
    Column("rows_inserted", BigInteger, nullable=False, comment="station-days"),
    Column("rows_updated", BigInteger, nullable=False),
    Column("rows_unchanged", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False, comment="lines; rejected_line keeps the first 1,000"),
    Column("rows_duplicate", BigInteger, nullable=False, comment="lines that repeat an earlier one"),
    Column("values_flagged", BigInteger, nullable=False, comment="values left out: they failed a check of the source"),
    Column("warnings", BigInteger, nullable=False, comment="days whose maximum is below their minimum"),
    Column("first_date", Date),
    Column("last_date", Date),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True), nullable=False),
    comment="The ledger: one row for each time that a version of a file was tried",
)
Index(None, source_file.c.uri, source_file.c.id.desc())
Index(None, source_file.c.ingestion_id)
# The newest row of this index is the version of the data: what ETag and Last-Modified are made from.
Index(
    "source_file_changed_idx",
    source_file.c.id.desc(),
    source_file.c.finished_at,
    postgresql_where=text("rows_inserted + rows_updated > 0"),
)

rejected_line = Table(
    "rejected_line",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source_file_id", BigInteger, ForeignKey("source_file.id"), nullable=False, index=True),
    Column("line", BigInteger, nullable=False, comment="counted from 1"),
    Column("text", Text, nullable=False, comment="the line as it was, shortened to 500 characters"),
    Column("reason", Text, nullable=False),
    comment="Lines that could not be loaded, the first 1,000 of each file",
)

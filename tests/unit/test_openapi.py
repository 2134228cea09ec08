"""The OpenAPI document: valid, complete, and of the fields that the answers have."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import create_app, ingestions, schemas, stations
from app.series import OBSERVATIONS, STATISTICS
from app.settings import ApiSettings
from runtime.environment import load


@pytest.fixture(scope="module")
def document() -> Any:
    settings = load(ApiSettings, {"WINDSOCK_DATABASE_URL": "postgresql://windsock_api@127.0.0.1/windsock"})
    return create_app(settings).test_client().get("/openapi.json").json


def operations(document: Any) -> list[tuple[str, Any]]:
    return [(path, item["get"]) for path, item in document["paths"].items()]


def test_the_document_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())


def test_every_address_is_there_with_its_words(document: Any) -> None:
    assert set(document["paths"]) == {
        "/api/weather",
        "/api/weather/stats",
        "/api/stations",
        "/api/stations/{station_id}",
        "/api/ingestions",
        "/api/ingestions/{ingestion_id}",
        "/api/ingestions/{ingestion_id}/files",
        "/api/ingestions/{ingestion_id}/files/{file_id}/rejected-lines",
        "/health/live",
        "/health/ready",
    }
    for path, operation in operations(document):
        assert operation["summary"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])


def test_every_field_is_described_with_an_example(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema["properties"].items():
            assert "$ref" in described or described.get("description"), (name, field)


def test_every_address_says_which_problems_it_has(document: Any) -> None:
    for path, operation in operations(document):
        expected = {"500"} if path == "/health/live" else {"500", "503"}
        if path.startswith("/api"):
            expected |= {"400", "406"}
        if "{" in path:
            expected |= {"404"}
        problems = {status for status in operation["responses"] if status >= "400"}
        assert problems == expected, path


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        (schemas.Observation, OBSERVATIONS.names),
        (schemas.YearlyStatistics, STATISTICS.names),
        (schemas.Station, stations.COLUMNS),
        (schemas.Ingestion, ingestions.PASS_COLUMNS),
        (schemas.SourceFile, ingestions.FILE_COLUMNS),
        (schemas.RejectedLine, ingestions.LINE_COLUMNS),
    ],
)
def test_the_documented_fields_are_those_of_the_answer(schema: Any, fields: Any) -> None:
    assert list(schema().fields) == list(fields)

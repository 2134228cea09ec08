"""Query parameters: strict fields that say what was wrong and what is accepted, and the parameters of every list.

Each field has `accepted` among its metadata: the words that an error shows to the client.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import marshmallow as ma
from flask import Request, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import fields, validate
from webargs.flaskparser import FlaskParser

from app.errors import InvalidParameter, InvalidParametersError, invalid_parameter

DEFAULT_PER_PAGE = 100
MOST_PER_PAGE = 1000
LAST_PAGE = 2_147_483_647

_UNKNOWN = "is not a parameter of this address"


def shown(text: str) -> str:
    """A client's text as an error repeats it: quoted, and not longer than an error should be."""
    return repr(text if len(text) <= 40 else text[:40] + "...")


class WholeNumber(fields.Integer):
    """A whole number from `lowest` to `highest`, in decimal digits alone."""

    def __init__(self, lowest: int, highest: int, *, metadata: dict[str, Any], **options: Any) -> None:
        accepted = f"a whole number from {lowest} to {highest}"
        super().__init__(
            validate=validate.Range(lowest, highest, error="{input} is out of range"),
            metadata={"accepted": accepted, **metadata},
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> int:  # noqa: ARG002 - marshmallow's
        if not re.fullmatch("[0-9]{1,30}", value):
            raise ma.ValidationError(f"{shown(value)} is not a whole number")
        return int(value)


class Day(fields.Date):
    """A date as YYYY-MM-DD or YYYYMMDD."""

    def __init__(self, *, metadata: dict[str, Any]) -> None:
        super().__init__(metadata={"accepted": "a date as YYYY-MM-DD or YYYYMMDD, such as 1985-01-31", **metadata})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dt.date:  # noqa: ARG002 - marshmallow's
        parts = re.fullmatch("([0-9]{4})(-?)([0-9]{2})\\2([0-9]{2})", value)
        if not parts:
            raise ma.ValidationError(f"{shown(value)} is not a date")
        try:
            return dt.date(int(parts[1]), int(parts[3]), int(parts[4]))
        except ValueError:
            raise ma.ValidationError(f"{shown(value)} is a day that does not exist") from None


class Code(fields.String):
    """A text without control characters: a station's code."""

    def __init__(self, *, metadata: dict[str, Any]) -> None:
        super().__init__(
            validate=[
                validate.Length(1, 200, error="is empty or longer than 200 characters"),
                validate.Regexp("^[^\\x00-\\x1f\\x7f]*$", error="has a control character"),
            ],
            metadata={"accepted": "a text of 1 to 200 characters, such as USC00110072", **metadata},
        )


def choice(*choices: str, **metadata: Any) -> fields.String:
    """A parameter with one of a few words."""
    accepted = " or ".join(choices)
    return fields.String(
        validate=validate.OneOf(choices, error="is none of the accepted words"),
        metadata={"accepted": accepted, **metadata},
    )


class YesOrNo(fields.Boolean):
    """`true` or `false`."""

    def __init__(self, *, metadata: dict[str, Any], **options: Any) -> None:
        super().__init__(
            truthy={"true"},
            falsy={"false"},
            error_messages={"invalid": "is neither true nor false"},
            metadata={"accepted": "true or false", **metadata},
            **options,
        )


class NoQuery(ma.Schema):
    """An address without parameters."""


class PageQuery(ma.Schema):
    """The parameters of every list. As the first of several bases its parameters come last in the documentation."""

    page = WholeNumber(
        1,
        LAST_PAGE,
        metadata={"description": "Number of the page, from 1. Not together with `cursor`."},
    )
    per_page = WholeNumber(
        1,
        MOST_PER_PAGE,
        # No `load_default`: Swagger UI would send it, and where pages cannot be asked for it would be refused.
        metadata={"description": f"Items on a page, {DEFAULT_PER_PAGE} when left out."},
    )
    cursor = fields.String(
        validate=[
            validate.Length(1, 1000, error="is empty or longer than any cursor"),
            validate.Regexp("^[A-Za-z0-9_-]*$", error="is not a cursor"),
        ],
        metadata={
            "accepted": "the next_cursor of an earlier answer, unchanged",
            "description": "Continue after the last item of an earlier answer: its `next_cursor`, unchanged. Costs the "
            "same wherever in the data it points, and skips or repeats nothing when data is loaded meanwhile.",
        },
    )

    @ma.validates_schema
    def _one_way_to_page(self, data: dict[str, Any], **_options: Any) -> None:
        if "page" in data and "cursor" in data:
            raise ma.ValidationError("cannot be used together with page", "cursor")


class StrictParser(FlaskParser):
    """Refuses what it does not know, and what is given twice, instead of ignoring it."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": ma.RAISE}  # noqa: RUF012 - as in the base

    # Of all the places that webargs reads, this API has query strings only.
    def parse(self, argmap: ma.Schema, req: Request | None = None, **_options: Any) -> dict[str, Any]:  # type: ignore[override] # no other places
        """The parameters of a request.

        Raises:
            InvalidParametersError: with all that is wrong with them.
        """
        return dict(self._read(argmap, (req or request).query_string))

    # What programs ask, they ask again: to read the same query once more costs a tenth of a page of a hundred rows.
    @functools.lru_cache(maxsize=1000)  # noqa: B019 - there is one parser, for as long as the process
    def _read(self, schema: ma.Schema, query: bytes) -> dict[str, Any]:
        read: dict[str, Any] = super().parse(
            schema, Request({"QUERY_STRING": query.decode("latin-1")}), location="query"
        )
        return read

    def load_querystring(self, req: Request, schema: ma.Schema) -> dict[str, str]:  # noqa: ARG002 - webargs'
        """The parameters of the query string, each at most once."""
        try:
            given = req.args
        except UnicodeDecodeError:  # of bytes as they are; percent-encoded ones become question marks
            raise invalid_parameter(
                "query string", "has bytes that are no UTF-8", "percent-encoded UTF-8, such as %C3%BC"
            ) from None
        repeated = [name for name, values in given.lists() if len(values) > 1]
        if repeated:
            raise InvalidParametersError(
                [InvalidParameter(shown_name(name), "is given more than once", "one value") for name in repeated]
            )
        return given.to_dict()

    def handle_error(self, error: ma.ValidationError, req: Request, schema: ma.Schema, **_options: Any) -> NoReturn:  # noqa: ARG002 - webargs'
        """Say for each parameter what was wrong and what is accepted."""
        assert isinstance(error.messages, dict)
        invalid = []
        for name, messages in error.messages["query"].items():
            field = schema.fields.get(name)
            if field is None:
                accepted = ", ".join(schema.fields) or "no parameter"
                invalid.append(InvalidParameter(shown_name(name), _UNKNOWN, accepted))
            else:
                invalid.append(InvalidParameter(name, " and ".join(messages), field.metadata["accepted"]))
        raise InvalidParametersError(invalid)


def shown_name(name: str) -> str:
    """A parameter's name as an error repeats it."""
    return name if len(name) <= 40 else name[:40] + "..."


class Blueprint(SmorestBlueprint):  # type: ignore[misc] # flask-smorest has no types
    """A group of addresses whose query parameters are read strictly."""

    ARGUMENTS_PARSER = StrictParser()


def format_parameter() -> fields.String:
    """The parameter `format` of a list that is also given as CSV."""
    return choice(
        "json",
        "csv",
        description="`json` for a page, `csv` for all rows of the filter as a file, without pages. Comes before the "
        "header `Accept`, which may ask for `text/csv` as well.",
    )


def check_times(data: Mapping[str, Any], one: str, first: str, last: str) -> None:
    """Refuse a single time together with a range, and a range that ends before it begins.

    Raises:
        marshmallow.ValidationError: naming the parameter.
    """
    for name in (first, last):
        if one in data and name in data:
            raise ma.ValidationError(f"cannot be used together with {one}", name)
    if first in data and last in data and data[last] < data[first]:
        raise ma.ValidationError(f"is before {first}", last)

"""The settings of the API: their defaults can be used, and what they hold is said."""

from __future__ import annotations

import pytest

from app.settings import ApiSettings
from runtime.environment import SettingsError, describe, load
from worker.settings import OnePassSettings

URL = {"WINDSOCK_DATABASE_URL": "postgresql://windsock_api@127.0.0.1/windsock"}


def test_the_database_alone_has_to_be_given() -> None:
    settings = load(ApiSettings, URL)
    assert settings.server.bind == "127.0.0.1:8000"
    # Else health checks would wait behind requests that wait for the database.
    assert settings.server.threads > settings.database.pool_size + settings.streams


def test_each_variable_says_what_it_holds_once() -> None:
    names = [variable.name for variable in describe(ApiSettings)]
    assert len(names) == len(set(names))
    assert all(variable.holds for variable in describe(ApiSettings))


@pytest.mark.parametrize("address", ["8000", ":8000", "localhost:", "localhost:x", "localhost:65536", "localhost:-1"])
def test_an_address_that_cannot_be_listened_on(address: str) -> None:
    with pytest.raises(SettingsError, match=r"WINDSOCK_API_BIND is malformed \(not host:port\)"):
        load(ApiSettings, {**URL, "WINDSOCK_API_BIND": address})


@pytest.mark.parametrize("address", ["0.0.0.0:8000", "[::1]:8000", "localhost:80"])
def test_an_address_that_can_be_listened_on(address: str) -> None:
    assert load(ApiSettings, {**URL, "WINDSOCK_API_BIND": address}).server.bind == address


def test_what_is_wrong_is_one_line_whatever_a_variable_holds() -> None:
    with pytest.raises(SettingsError) as raised:
        load(OnePassSettings, {**URL, "WINDSOCK_SOURCE": "s3://weather\x1e\u2028x"})
    assert str(raised.value).splitlines() == [str(raised.value)]
    assert r"weather\x1e\u2028x" in str(raised.value)

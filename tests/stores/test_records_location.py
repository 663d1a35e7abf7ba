"""Where records live: what an operator may say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.credentials.references import References
from toolgate.model.errors import ConfigError
from toolgate.stores.records.location import locate

SECRETS = References({"DB": "postgresql://jane:pw@db:5432/toolgate?sslmode=verify-full\n", "EMPTY": ""}, Path())
DEFAULT = Path("/data/records.db")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, DEFAULT),
        ("env:DB", "postgresql://jane:pw@db:5432/toolgate?sslmode=verify-full"),
        ("postgresql://db/toolgate", "postgresql://db/toolgate"),
        ("postgres://jane@db/toolgate", "postgresql://jane@db/toolgate"),
        ("postgresql+asyncpg://db/toolgate", "postgresql://db/toolgate"),
        ("postgresql://one:5432,two:5433/x?target_session_attrs=primary",) * 2,
        ("postgresql:///x?host=/run/postgresql",) * 2,
        ("sqlite:////srv/re%20cords.db", Path("/srv/re cords.db")),
    ],
)
def test_what_may_be_said(said: str | None, expected: Path | str):
    assert locate(said, SECRETS, DEFAULT) == expected


@pytest.mark.promise("records.no-password")
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("postgresql://jane:pw@db/x", "put the URL into the environment or a file"),
        ("postgresql://db/x?password=pw", "put the URL into the environment or a file"),
        ("mysql://db/x", "expected postgresql://HOST/DATABASE"),
        ("postgresql+psycopg://db/x", "expected postgresql://HOST/DATABASE"),
        ("/srv/records.db", "expected postgresql://HOST/DATABASE"),
        ("postgresql:db", "expected postgresql://HOST/DATABASE"),
        ("postgresql://[::1/x", "is not a URL"),
        ("sqlite:///records.db", "no absolute path"),
        ("sqlite://host/records.db", "no absolute path"),
        ("env:MISSING", "env:MISSING is not set"),
        ("env:EMPTY", "env:EMPTY is empty"),
    ],
)
def test_what_is_refused_and_why(said: str, reason: str):
    with pytest.raises(ConfigError, match=reason) as caught:
        locate(said, SECRETS, DEFAULT)
    assert "pw" not in str(caught.value)

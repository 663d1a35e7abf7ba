"""How a credential is shown: the headers of the chosen way to sign in, with their secrets in place."""

import base64
from collections.abc import Mapping, Sequence

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets
from toolgate.rules import references
from toolgate.rules.names import meant
from toolgate.upstreams.connector import templates
from toolgate.upstreams.connector.format import Auth, Connector
from toolgate.upstreams.connector.settings import Settings


class Credential(msgspec.Struct, frozen=True):
    """`headers` are shown with every request. `secrets` are what must not be seen anywhere. Its repr holds neither."""

    headers: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Credential({len(self.headers)} headers)"


def credential(connector: Connector, settings: Settings, secrets: Secrets) -> Credential:
    """Raises ConfigError, which never repeats a value."""
    given = {**settings.credentials, **({} if settings.token is None else {"token": settings.token})}
    auth = _chosen(connector, settings)
    if auth is None:
        if given:
            raise ConfigError((f"credentials: {connector.title} needs none",))
        return Credential()
    values: dict[str, str] = {}
    hidden: list[str] = []
    for name, field in auth.fields.items():
        text = given.pop(name, None)
        if text is None:
            raise ConfigError((f"{_key(name)} is missing: {field.help}",))
        values[name] = _value(name, text, field.secret, secrets)
        hidden.extend([values[name]] if field.secret else [])
    if given:
        unknown = min(given)
        raise ConfigError((f"{_key(unknown)} is not asked for by {auth.id!r}{meant(unknown, auth.fields)}",))
    headers = _headers(auth, values)
    hidden.extend(value.partition(" ")[2] or value for _, value in headers)
    return Credential(tuple(headers), tuple(hidden))


def _chosen(connector: Connector, settings: Settings) -> Auth | None:
    if settings.auth is None:
        return connector.auth[0] if connector.auth else None
    ids = [auth.id for auth in connector.auth]
    if settings.auth not in ids:
        raise ConfigError((f"auth: must be one of {', '.join(ids) or 'none'}{meant(settings.auth, ids)}",))
    return connector.auth[ids.index(settings.auth)]


def _key(name: str) -> str:
    return "token" if name == "token" else f"credentials.{name}"


def _value(name: str, text: str, secret: bool, secrets: Secrets) -> str:
    if not secret and references.find(text) is None:
        value = text
    else:
        try:
            value = secrets.resolve(text)
        except ConfigError as error:
            raise ConfigError(tuple(f"{_key(name)}: {finding}" for finding in error.findings)) from None
    if not value or any(not 0x20 <= ord(character) < 0x7F for character in value):
        raise ConfigError((f"{_key(name)}: is empty, or holds a character that no header can carry",))
    return value


def _headers(auth: Auth, values: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    headers = [(name, templates.render(template, values)) for name, template in auth.headers.items()]
    if auth.basic is not None:
        user, password = (values[name] for name in auth.basic)
        headers.append(("Authorization", f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"))
    return headers

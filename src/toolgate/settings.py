"""Process settings: how this process listens and how much it takes. What it serves is in `toolgate.yaml` instead.

One value comes from, first wins: a command line flag, the environment (`TOOLGATE_<NAME>`), the settings file
(`toolgate.settings.yaml` in the working directory, or the file that `TOOLGATE_SETTINGS` names), the default.
This is the one reader of the environment. Every problem is a finding that names the setting and where its value is
from.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec

from toolgate.control.source import Findings, Node, parse
from toolgate.model.errors import ConfigError
from toolgate.rules import exposure, registry_names, units
from toolgate.rules.names import closest

PREFIX = "TOOLGATE_"
FILE_VARIABLE = "TOOLGATE_SETTINGS"
DEFAULT_FILE = "toolgate.settings.yaml"

SECRET_KEYS = "TOOLGATE_SECRET_KEYS"
"""The ring of keys that stored secrets are sealed with, where the operator keeps it: no setting, because it is
secret."""

NOT_SETTINGS = frozenset({FILE_VARIABLE, SECRET_KEYS, "TOOLGATE_KEY", "TOOLGATE_URL"})
"""Variables of ours that are no settings: secrets, and the command line's own."""

_MOST_CHARACTERS = 1024 * 1024
_LIKELY_MISTYPED = 0.7

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400, extra={"unit": "seconds"})]
Bytes = Annotated[int, msgspec.Meta(ge=1024, le=1024**3, extra={"unit": "bytes"})]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All process settings, at most 40. Each is documented in docs/reference/configuration.md."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8484
    data_dir: Path | None = None
    config: Path | None = None
    watch: bool = True
    state: Literal["records", "none"] = "records"
    database: str | None = None
    open: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    registry_namespace: str | None = None
    registry_public: tuple[str, ...] = ()
    catalog: tuple[Path, ...] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    max_body: Bytes = 4 * 1024 * 1024
    max_headers: Bytes = 32 * 1024
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 2048
    idle_timeout: Seconds = 75.0
    drain_timeout: Seconds = 10.0


_FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}
NAMES = tuple(_FIELDS)


class _Given(msgspec.Struct, frozen=True):
    """A raw value with where it is from, as a finding begins; relative paths in it start from `base`."""

    value: Any
    origin: str
    base: Path


def load(flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path) -> Settings:
    """The settings of a process. `flags` are those given on the command line, by setting name; `directory` is the
    working directory. Raises ConfigError with every finding."""
    findings: list[str] = []
    given = _all_given(flags, environment, directory, findings)
    values: dict[str, Any] = {}
    for name, raw in given.items():
        try:
            values[name] = _convert(name, raw)
        except _WrongValue as wrong:
            findings.append(f"{raw.origin}: {wrong}")
    settings = Settings(**values)
    if len(values) == len(given):  # else a default would be judged in place of what was meant
        listed = registry_names.problems(settings.registry_namespace, settings.registry_public)
        for name, reason in (*exposure.problems(_listening(settings)), *listed, *_missing_files(settings)):
            origin = given[name].origin if name in given else f"{name} (default)"
            findings.append(f"{origin}: {reason}")
    if findings:
        raise ConfigError(tuple(findings))
    return settings


def chosen(flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path) -> frozenset[str]:
    """The names of the settings that somebody set, so that a default may give way where a choice may not."""
    return frozenset(_all_given(flags, environment, directory, []))


def data_dir(flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path) -> Path | None:
    """The data directory alone, for a process that does not listen. Raises ConfigError."""
    findings: list[str] = []
    raw = _all_given(flags, environment, directory, findings).get("data_dir")
    try:
        return None if raw is None else _convert("data_dir", raw)
    except _WrongValue as wrong:
        raise ConfigError((f"{raw.origin if raw else ''}: {wrong}",)) from None


def _all_given(
    flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path, findings: list[str]
) -> dict[str, _Given]:
    given = _from_file(environment, directory, findings)
    given.update(_from_environment(environment, directory, findings))
    given.update({name: _Given(value, _flag(name), directory) for name, value in flags.items()})
    return given


def _listening(settings: Settings) -> exposure.Listening:
    return exposure.Listening(
        host=settings.host,
        open=settings.open,
        tls_cert=settings.tls_cert is not None,
        tls_key=settings.tls_key is not None,
        behind_proxy=settings.behind_proxy,
        public_url=settings.public_url,
        trusted_proxies=settings.trusted_proxies,
        allowed_origins=settings.allowed_origins,
        allowed_hosts=settings.allowed_hosts,
    )


def _missing_files(settings: Settings) -> list[tuple[str, str]]:
    files = {"tls_cert": settings.tls_cert, "tls_key": settings.tls_key, "config": settings.config}
    return [(name, f"{file}: there is no such file") for name, file in files.items() if file and not file.is_file()]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _from_environment(environment: Mapping[str, str], base: Path, findings: list[str]) -> dict[str, _Given]:
    """Empty variables count as unset. An unknown one is only a finding when it looks mistyped: others may be secrets
    that `toolgate.yaml` refers to, or what Kubernetes sets for a service of this name."""
    given: dict[str, _Given] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS or not value:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in _FIELDS:
            given[name] = _Given(value, variable, base)
            continue
        meant = closest(name, NAMES, _LIKELY_MISTYPED)
        if meant:
            findings.append(f'{variable}: no setting has this name (did you mean "{PREFIX}{meant.upper()}"?)')
    return given


def _from_file(environment: Mapping[str, str], directory: Path, findings: list[str]) -> dict[str, _Given]:
    named = environment.get(FILE_VARIABLE)
    file = directory / (named or DEFAULT_FILE)
    label = named or DEFAULT_FILE
    try:
        with file.open(encoding="utf-8-sig") as opened:
            text = opened.read(_MOST_CHARACTERS)
    except FileNotFoundError:
        if named:
            findings.append(f"{FILE_VARIABLE}: {label}: there is no such file")
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        findings.append(f"{label}: cannot be read: {reason}")
        return {}
    found = Findings()
    root = parse(text, found)
    given = _file_values(root, label, file.parent, found) if root is not None else {}
    if len(found):
        findings.extend(found.error(label).findings)
    return given


def _file_values(root: Node, label: str, base: Path, found: Findings) -> dict[str, _Given]:
    if root.value is None:
        return {}
    if not isinstance(root.value, dict):
        found.add(root.line, "", f"expected a mapping of settings, found {root.kind}")
        return {}
    given: dict[str, _Given] = {}
    for name, node in root.value.items():
        line = root.key_lines[name]
        if name in _FIELDS:
            given[name] = _Given(node.plain(), f"{label}:{line}: {name}", base)
        else:
            found.add(line, name, "no setting has this name", closest(name, NAMES))
    return given


class _WrongValue(Exception):
    """Says what was expected; never the value, which may have been meant for something secret."""


_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _convert(name: str, raw: _Given) -> Any:
    kind = _FIELDS[name].type
    value = raw.value
    try:
        if isinstance(value, str):
            value = _from_text(kind, value)
        if kind == Path | None:
            return _as_path(value, raw.base)
        if kind == tuple[Path, ...]:
            return _as_paths(value, raw.base)
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _WrongValue(_reason(name, value, error)) from None


def _from_text(kind: Any, text: str) -> Any:
    """A text as the type that the setting has, where people write it so; else the text itself."""
    unit = _unit(kind)
    if unit is not None:
        value = units.seconds(text) if unit == "seconds" else units.size(text)
        if value is None:
            raise _WrongValue(f"expected {units.SECONDS_FORMS if unit == 'seconds' else units.BYTES_FORMS}")
        return value
    if kind is bool:
        return _WORDS.get(text.lower(), text)
    if kind in (tuple[str, ...], tuple[Path, ...]):
        return [part.strip() for part in text.split(",") if part.strip()]
    if _bare(kind) is int and text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20:
        return int(text)
    return text


def _bare(kind: Any) -> Any:
    return getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind


def _unit(kind: Any) -> str | None:
    for meta in getattr(kind, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.extra:
            return meta.extra["unit"]
    return None


def _as_path(value: Any, base: Path) -> Path | None:
    if value is not None and (not isinstance(value, (str, Path)) or not str(value)):
        raise _WrongValue("expected a path")
    return None if value is None else base / Path(value).expanduser()


def _as_paths(value: Any, base: Path) -> tuple[Path, ...]:
    if not isinstance(value, (list, tuple)):
        raise _WrongValue("expected a list of paths")
    paths = [_as_path(one, base) for one in cast("Sequence[Any]", value)]
    return tuple(path for path in paths if path is not None)


def _reason(name: str, value: Any, error: msgspec.ValidationError) -> str:
    if isinstance(value, str) and value.startswith("tcp://"):
        return "this is what Kubernetes sets for a service named toolgate: set `enableServiceLinks: false` in the pod"
    if _FIELDS[name].type is bool:
        return "expected true or false"
    reason = str(error)
    options = getattr(_FIELDS[name].type, "__args__", ())
    if getattr(_FIELDS[name].type, "__origin__", None) is Literal:
        hint = closest(str(value), [str(option) for option in options])
        return f"must be one of {', '.join(options)}" + (f' (did you mean "{hint}"?)' if hint else "")
    return reason[:1].lower() + reason[1:].replace("`", "")

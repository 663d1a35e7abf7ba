"""A package of a `server.json` -> the command that starts it: npx, uvx or docker, pinned to one version."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from toolgate.control.importing.server_json import Argument, Named, Package
from toolgate.model.errors import ToolgateError

_SEMVER = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")
_PYTHON = re.compile(r"\d+(?:\.\d+)*[0-9A-Za-z.!+]*")
_NPM = re.compile(r"(?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*")
_PYPI = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_IMAGE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._/:-]*?)(?::(?P<tag>[\w][\w.-]*))?(?P<digest>@sha256:[0-9a-f]{64})?")

_RUNNERS = {"npm": "npx", "pypi": "uvx", "oci": "docker"}
_HOMES = {"npm": ["npmjs", "org"], "pypi": ["pypi", "org"], "oci": ["docker", "io"]}
"""Where the usual runner takes packages from: the end of that host's name."""

_HARMLESS = {
    "npm": frozenset({"-y", "--yes"}),
    "pypi": frozenset[str](),
    "oci": frozenset({"run", "-i", "--interactive", "--rm"}),
}
"""What a runner is told anyway."""

_OF_ENVIRONMENT = frozenset({"-e", "--env"})
_STEERING = re.compile(
    r"(?:npm_|npx_|yarn_|node_(?!env$)|uv_|pip_|python(?!unbuffered$|ioencoding$|utf8$)|virtual_env|docker_|ld_|dyld_"
    r"|git_(?:ssh|exec|config|proxy|askpass|dir|template)|ssh_(?:askpass|auth_sock)|ssl_cert_|xdg_|bash_|godebug"
    r"|(?:curl|requests)_ca_).*"
    r"|(?:https?|all|no|ftp)_proxy|path|pathext|home|userprofile|(?:local)?appdata|shell|comspec|env|ifs|tmpdir|temp|tmp",
    re.IGNORECASE,
)
"""Variables that tell runners, interpreters and loaders where programs come from, and what to run before them."""
_HELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


class NotTaken(ToolgateError):
    """This way of using a server cannot be taken. The message says why."""


class Program(msgspec.Struct, frozen=True):
    """A command: `before`, then (where it `passes` them) the names of variables, `after`, and the program's own
    `arguments`. `variables` are those of the environment."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    arguments: tuple[str, ...]
    variables: tuple[Named, ...]
    passes: bool = False
    remarks: tuple[str, ...] = ()


def steers(variable: str) -> bool:
    """Whether it decides what the runner starts, so that another program would run than the one that is shown."""
    return _STEERING.fullmatch(variable) is not None


def plain(name: str, text: str) -> None:
    """Raises NotTaken for a text that clients, or we, would put something of this machine into."""
    if "$" in text:
        raise NotTaken(f"`{name}` holds a `$`, which stands for something of the machine")
    if not text.isprintable():
        raise NotTaken(f"`{name}` holds what cannot be printed")


def program(package: Package) -> Program:
    """Raises NotTaken."""
    runner = _RUNNERS.get(package.registry_type)
    if runner is None:
        raise NotTaken(f"packages of the type {package.registry_type[:40]!r} are not taken: {', '.join(_RUNNERS)} are")
    if package.transport.type != "stdio":
        raise NotTaken("its package serves HTTP by itself: start it, and add its URL")
    if package.runtime_hint not in ("", runner):
        raise NotTaken(f"its package wants to be started by {package.runtime_hint[:40]!r}")
    if package.file_sha256:
        raise NotTaken(f"its package is to be checked against a hash, which {runner} cannot do")
    _judge_home(package)
    further = tuple(_runtime(package))
    arguments, remarks = _arguments(package.package_arguments)
    variables = (*package.environment_variables, *further)
    if runner == "npx":
        return Program(("npx", "-y", _npm(package)), (), arguments, variables, remarks=remarks)
    if runner == "uvx":
        return Program(("uvx", _pypi(package)), (), arguments, variables, remarks=remarks)
    return Program(("docker", "run", "-i", "--rm"), (_image(package),), arguments, variables, True, remarks)


def _judge_home(package: Package) -> None:
    if not package.registry_base_url:
        return
    host = urlsplit(package.registry_base_url).hostname or ""
    named = package.registry_type == "oci" and package.identifier.startswith(f"{host}/")
    if host.split(".")[-2:] != _HOMES[package.registry_type] and not named:
        raise NotTaken(f"its package is in another package registry ({host[:100] or 'none'})")


def _npm(package: Package) -> str:
    if not _NPM.fullmatch(package.identifier):
        raise NotTaken("its package has no name that npm knows")
    if not _SEMVER.fullmatch(package.version):
        raise NotTaken("its package is not pinned to one version")
    return f"{package.identifier}@{package.version}"


def _pypi(package: Package) -> str:
    if not _PYPI.fullmatch(package.identifier):
        raise NotTaken("its package has no name that PyPI knows")
    if not _PYTHON.fullmatch(package.version):
        raise NotTaken("its package is not pinned to one version")
    return f"{package.identifier}@{package.version}"


def _image(package: Package) -> str:
    """The tag is in the identifier, or (in older descriptions) the version is the tag."""
    found = _IMAGE.fullmatch(package.identifier)
    if found is None:
        raise NotTaken("its package is no image")
    tag = found["tag"] or ("" if found["digest"] else package.version)
    if not found["digest"] and (not re.fullmatch(r"[\w][\w.-]*", tag) or tag == "latest"):
        raise NotTaken("its image is not pinned to one version")
    return f"{found['name']}{f':{tag}' if tag else ''}{found['digest'] or ''}"


def _runtime(package: Package) -> Iterator[Named]:
    """The variables that a container is given by options. Any other option would be the runner's, which decides how
    much of this machine a program sees."""
    for argument in package.runtime_arguments:
        word = argument.name if argument.type == "named" else argument.value or argument.default or ""
        if word in _HARMLESS[package.registry_type]:
            continue
        name, equals, text = (argument.value or "").partition("=")
        if package.registry_type == "oci" and word in _OF_ENVIRONMENT and name:
            given = text if equals else None
            yield Named(name=name, value=given, is_required=True, is_secret=not equals, variables=argument.variables)
            continue
        what = word[:60] or argument.value_hint[:60]
        raise NotTaken(f"its runner is to be given {what!r}, which decides what it sees of this machine")


def _arguments(arguments: Sequence[Argument]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words, and what is said of those that are left out."""
    words: list[str] = []
    left: list[str] = []
    for argument in arguments:
        name = argument.name if argument.type == "named" else ""
        label = name or argument.value_hint or argument.value or "argument"
        text = _text(argument, label)
        if text is None and argument.is_required:
            raise NotTaken(f"it needs a value for its argument {label[:60]!r}, which a person must give")
        if text is not None:
            words += [word for word in (name, text) if word]
        elif name and _is_flag(argument):
            words.append(name)
        else:
            left.append(label[:60])
    for place, word in enumerate(words):
        plain(f"argument {place + 1}", word)
    remarks = (f"without its argument{'s' if len(left) > 1 else ''} {', '.join(left)}",) if left else ()
    return tuple(words), remarks


def _is_flag(argument: Argument) -> bool:
    """A name alone; nothing says that a value is to come after it."""
    return not (argument.placeholder or argument.value_hint or argument.variables or argument.is_secret)


def _text(argument: Argument, label: str) -> str | None:
    if argument.is_secret:
        raise NotTaken(f"its argument {label[:60]!r} is a secret, and everybody on the machine can read arguments")
    text = argument.value if argument.value is not None else argument.default
    if text is None:
        return None

    def fill(found: re.Match[str]) -> str:
        inner = argument.variables.get(found[1])
        if inner is None:
            return found[0]
        known = None if inner.is_secret else inner.value if inner.value is not None else inner.default
        if known is None:
            raise NotTaken(f"its argument {label[:60]!r} holds what a person must give")
        return known

    return _HELD.sub(fill, text)

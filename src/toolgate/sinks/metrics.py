"""Prometheus metrics: batches of records folded into plain integers, rendered when somebody scrapes.

Names and labels follow the OpenTelemetry semantic conventions for MCP as Prometheus writes them, so that dashboards can
be shared; what is ours alone begins with `toolgate_`. What a caller or an upstream may choose (methods, versions, tool
names) is held to known or capped values, so that nobody can make series without end.
"""

import platform
from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from toolgate import __version__
from toolgate.model.errors import Outcome
from toolgate.model.records import CallRecord
from toolgate.ports import Toolbox
from toolgate.protocol.methods import METHODS
from toolgate.protocol.versions import SERVED
from toolgate.rules.histogram import OPERATION_SECONDS, empty
from toolgate.sinks.exposition import Series, counter, histogram

OTHER = "_other"
"""The label value of everything that has no series of its own."""

MAX_TOOLS = 200
"""Tools of one server with series of their own: the first ones called."""
MAX_SERVERS = 500
MAX_ERRORS = 64
MAX_SERIES = 2_000
"""Series of one family: a histogram's has 17 lines."""
_MAX_CELLS = 8_192

Transport = Literal["tcp", "pipe"]
"""`network.transport` of the conventions: `pipe` for stdio."""

_LABELS = (
    "mcp_method_name",
    "gen_ai_tool_name",
    "error_type",
    "network_transport",
    "mcp_protocol_version",
    "gateway_server",
)
_CALL_LABELS = ("outcome", "mcp_method_name", "gateway_server")

_DECIDED = {
    Outcome.UNAUTHENTICATED: ("deny", "unauthenticated"),
    Outcome.DENIED: ("deny", "not_granted"),
    Outcome.LIMITED: ("deny", "limited"),
    Outcome.OK: ("allow", "granted"),
    Outcome.TOOL_ERROR: ("allow", "granted"),
    Outcome.INPUT_REQUIRED: ("allow", "granted"),
    Outcome.TIMEOUT: ("allow", "granted"),
    Outcome.UPSTREAM_ERROR: ("allow", "granted"),
    Outcome.CANCELLED: ("allow", "granted"),
}
"""What each outcome says about policy; `allow` counts only where a server's offer was asked for."""

_NO_ERROR = frozenset({Outcome.OK, Outcome.INPUT_REQUIRED})


class Readings(msgspec.Struct, frozen=True):
    """What the composition root can tell at any moment: asked at every scrape, maybe on another thread, and only then.

    `malformed` and `records_lost` are counts by reason and by sink; `upstream_transport` says how a server is reached,
    and is empty for one in this process.
    """

    in_flight: Callable[[], int]
    generation: Callable[[], int]
    records_dropped: Callable[[], int]
    records_lost: Callable[[], Mapping[str, int]]
    malformed: Callable[[], Mapping[str, int]]
    upstreams_up: Callable[[], Mapping[str, bool]]
    upstream_transport: Callable[[str], Transport | Literal[""]]


class Config(msgspec.Struct, frozen=True):
    """`transport` is that of the callers of this process."""

    readings: Readings
    transport: Transport = "tcp"


class _Spread:
    """One series of a histogram."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = empty(OPERATION_SECONDS)
        self.total = 0.0


class _Count:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


_Labels = tuple[str, ...]
_Kind = TypeVar("_Kind", _Spread, _Count)
_Cell = tuple[_Spread, _Spread, _Count, _Count]
"""The series that one kind of record is counted in: server side, client side, calls, decisions."""


class _Names:
    """Label values that were chosen elsewhere: the first `most` stand for themselves, the rest are OTHER."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def label(self, name: str) -> str:
        if name in self._known:
            return name
        if len(self._known) < self._most:
            self._known.add(name)
            return name
        return OTHER


class Metrics:
    """The sink, and the collector that `expose` renders. Written on one thread; may be rendered on another."""

    def __init__(self, readings: Readings, transport: Transport = "tcp") -> None:
        self._readings = readings
        self._transport = transport
        self._cells: dict[tuple[str, ...], _Cell] = {}
        self._server: dict[_Labels, _Spread] = {}
        self._client: dict[_Labels, _Spread] = {}
        self._calls: dict[_Labels, _Count] = {}
        self._decisions: dict[_Labels, _Count] = {}
        self._servers = _Names(MAX_SERVERS)
        self._errors = _Names(MAX_ERRORS)
        self._tools: dict[str, _Names] = {}
        self._registry = CollectorRegistry(support_collectors_without_names=True)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def write(self, records: Sequence[CallRecord], /) -> None:
        cells, boundaries = self._cells, OPERATION_SECONDS
        for record in records:
            method = record.method
            tool = record.target if method == "tools/call" else ""
            key = (method, record.server, tool, record.version, record.outcome, record.error)
            cell = cells.get(key)
            if cell is None:
                cell = self._cell(key)
            server, client, calls, decisions = cell
            seconds = record.duration_s
            server.counts[bisect_left(boundaries, seconds)] += 1
            server.total += seconds
            seconds = record.upstream_s
            if seconds > 0:
                client.counts[bisect_left(boundaries, seconds)] += 1
                client.total += seconds
            calls.value += 1
            decisions.value += 1

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type: OpenMetrics where the `Accept` header asks for it, else Prometheus text.

        Takes some milliseconds for hundreds of tools: call it on another thread than the event loop's.
        """
        encode, content_type = choose_encoder(accept)
        openmetrics = content_type.startswith("application/openmetrics")
        return self._large(openmetrics=openmetrics).encode() + encode(self._registry), content_type

    def _large(self, *, openmetrics: bool) -> str:
        """The families that grow with the number of tools."""
        reached = self._readings.upstream_transport
        return "".join(
            (
                histogram(
                    "mcp_server_operation_duration_seconds",
                    "Seconds from a request's arrival to its answer.",
                    _LABELS,
                    OPERATION_SECONDS,
                    _rows(self._server, lambda server: self._transport),
                ),
                histogram(
                    "mcp_client_operation_duration_seconds",
                    "Seconds that the server behind the gateway took.",
                    _LABELS,
                    OPERATION_SECONDS,
                    _rows(self._client, reached),
                ),
                counter(
                    "toolgate_calls",
                    "Requests, by how they ended.",
                    _CALL_LABELS,
                    [(labels, count.value) for labels, count in list(self._calls.items())],
                    openmetrics=openmetrics,
                ),
            )
        )

    def collect(self) -> Iterator[Metric]:
        """The families of a few lines, for `prometheus_client`."""
        decisions = CounterMetricFamily(
            "toolgate_policy_decisions", "Requests let through or refused.", labels=("decision", "reason")
        )
        for labels, count in list(self._decisions.items()):
            decisions.add_metric(labels, count.value)
        yield decisions
        yield from self._read()

    def _read(self) -> Iterator[Metric]:
        """What is read at the moment of the scrape."""
        readings = self._readings
        up = GaugeMetricFamily("toolgate_upstream_up", "1 for a server that answers, else 0.", labels=("server",))
        for server, answers in sorted(readings.upstreams_up().items()):
            up.add_metric((server,), int(answers))
        yield up
        yield GaugeMetricFamily("toolgate_inflight_requests", "Requests that are being answered.", readings.in_flight())
        yield GaugeMetricFamily(
            "toolgate_config_generation", "Generation of the snapshot that is served.", readings.generation()
        )
        yield CounterMetricFamily(
            "toolgate_records_dropped", "Records that found the ring full.", readings.records_dropped()
        )
        yield _by_name("toolgate_records_lost", "Records that a sink could not write.", "sink", readings.records_lost())
        yield _by_name(
            "toolgate_malformed_requests",
            "Requests that were refused before they were understood.",
            "reason",
            readings.malformed(),
        )
        info = GaugeMetricFamily("toolgate_build_info", "Always 1.", labels=("version", "python"))
        info.add_metric((__version__, platform.python_version()), 1)
        yield info

    def _cell(self, key: tuple[str, ...]) -> _Cell:
        """Where records of this kind are counted. The cells are a cache: dropping them loses no count."""
        method, server, tool, version, outcome, error = key
        method = method if method in METHODS else OTHER
        tool = self._tool(server, tool)
        server = self._servers.label(server) if server else ""
        version = version if not version or version in SERVED else OTHER
        labels = (method, tool, self._error(outcome, error), version, server)
        decided = _DECIDED.get(Outcome(outcome))
        if decided is None or (decided[0] == "allow" and not server):
            decisions = _Count()
        else:
            decisions = self._decisions.setdefault(decided, _Count())
        cell = (
            _member(self._server, labels, _Spread),
            _member(self._client, labels, _Spread) if server else _Spread(),
            _member(self._calls, (outcome, method, server), _Count),
            decisions,
        )
        if len(self._cells) >= _MAX_CELLS:
            self._cells.clear()
        self._cells[key] = cell
        return cell

    def _tool(self, server: str, tool: str) -> str:
        """Only what a server really offers is a name here: a record without a server has none."""
        if not server or not tool:
            return ""
        names = self._tools.get(server)
        if names is None:
            if len(self._tools) >= MAX_SERVERS:
                return OTHER
            names = self._tools[server] = _Names(MAX_TOOLS)
        return names.label(tool)

    def _error(self, outcome: str, error: str) -> str:
        if outcome in _NO_ERROR:
            return ""
        if outcome == Outcome.TOOL_ERROR:
            return "tool_error"
        return self._errors.label(error) if error else OTHER


def _member(family: dict[_Labels, _Kind], labels: _Labels, make: type[_Kind]) -> _Kind:
    """The series of these labels; the one of everything else when there are too many."""
    found = family.get(labels)
    if found is None:
        if len(family) >= MAX_SERIES:
            labels = (OTHER,) * len(labels)
        found = family.setdefault(labels, make())
    return found


def _rows(family: dict[_Labels, _Spread], transport: Callable[[str], str]) -> Iterator[Series]:
    """What there is to tell of a histogram. Copied first: records may arrive meanwhile."""
    for labels, spread in list(family.items()):
        counts = list(spread.counts)
        if any(counts):
            yield (*labels[:3], transport(labels[-1]), *labels[3:]), counts, spread.total


def _by_name(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in sorted(counts.items()):
        family.add_metric((value,), count)
    return family


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[Metrics]:
    yield Metrics(config.readings, config.transport)

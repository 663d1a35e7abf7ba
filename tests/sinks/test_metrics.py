"""Metrics, as the reference parsers of Prometheus and OpenMetrics read them."""

from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.records import READINGS, record
from toolgate import __version__
from toolgate.model.errors import Outcome
from toolgate.model.records import CallRecord
from toolgate.sinks import metrics as module
from toolgate.sinks.metrics import Metrics

SERVER = "mcp_server_operation_duration_seconds"
CLIENT = "mcp_client_operation_duration_seconds"
OPENMETRICS = "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"


class Scrape:
    """What one scrape said, by name and labels."""

    def __init__(self, metrics: Metrics, accept: str = "") -> None:
        body, self.content_type = metrics.expose(accept)
        read = read_openmetrics if "openmetrics" in self.content_type else read_text
        self.families = {family.name: family for family in read(body.decode())}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum over every sample that has these labels."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def labels(self, name: str) -> list[dict[str, str]]:
        return [sample.labels for sample in self.samples if sample.name == name]


def scrape(records: Sequence[CallRecord], accept: str = "") -> Scrape:
    metrics = Metrics(READINGS)
    metrics.write(records)
    return Scrape(metrics, accept)


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_both_forms_say_the_same(accept: str):
    found = scrape([record(), record(duration_s=0.3, upstream_s=0.0)], accept)
    labels = {
        "mcp_method_name": "tools/call",
        "gen_ai_tool_name": "read",
        "error_type": "",
        "network_transport": "tcp",
        "mcp_protocol_version": "2026-07-28",
        "gateway_server": "files",
    }
    assert found.labels(f"{SERVER}_count") == [labels]
    assert found.labels(f"{CLIENT}_count") == [{**labels, "network_transport": "pipe"}]
    assert found.value(f"{SERVER}_count") == 2
    assert found.value(f"{CLIENT}_count") == 1, "a call that reached no server took no time of one"
    assert found.value(f"{SERVER}_sum") == pytest.approx(0.3123456)
    assert [found.value(f"{SERVER}_bucket", le=le) for le in ("0.01", "0.02", "0.2", "0.5", "300.0", "+Inf")] == [
        0, 1, 1, 2, 2, 2,
    ]  # fmt: skip
    assert ("openmetrics" in found.content_type) is bool(accept)


def test_counts_only_grow_over_batches():
    metrics = Metrics(READINGS)
    for batch in range(1, 4):
        metrics.write([record(), record(outcome=Outcome.TOOL_ERROR)])
        found = Scrape(metrics)
        assert found.value("toolgate_calls_total", outcome="ok", gateway_server="files") == batch
        assert found.value(f"{SERVER}_count", error_type="tool_error") == batch


@pytest.mark.parametrize(
    ("changes", "decision", "reason"),
    [
        ({"outcome": Outcome.OK}, "allow", "granted"),
        ({"outcome": Outcome.TIMEOUT, "error": "TimedOut"}, "allow", "granted"),
        ({"outcome": Outcome.DENIED, "error": "Denied"}, "deny", "not_granted"),
        ({"outcome": Outcome.UNAUTHENTICATED, "server": "", "target": ""}, "deny", "unauthenticated"),
        ({"outcome": Outcome.LIMITED, "error": "Limited"}, "deny", "limited"),
    ],
)
def test_policy_decisions(changes: dict[str, Any], decision: str, reason: str):
    found = scrape([record(**changes)])
    assert found.labels("toolgate_policy_decisions_total") == [{"decision": decision, "reason": reason}]


def test_what_policy_never_judged_is_no_decision():
    found = scrape(
        [
            record(method="tools/list", server="", target=""),
            record(outcome=Outcome.INVALID, error="UnknownTarget", server="", target=""),
        ]
    )
    assert found.labels("toolgate_policy_decisions_total") == []
    assert found.value("toolgate_calls_total") == 2


@pytest.mark.parametrize(
    ("outcome", "error", "label"),
    [
        (Outcome.OK, "", ""),
        (Outcome.INPUT_REQUIRED, "", ""),
        (Outcome.TOOL_ERROR, "", "tool_error"),
        (Outcome.UPSTREAM_ERROR, "UpstreamFailed", "UpstreamFailed"),
        (Outcome.UPSTREAM_ERROR, "", "_other"),
    ],
)
def test_the_kind_of_error(outcome: Outcome, error: str, label: str):
    assert [x["error_type"] for x in scrape([record(outcome=outcome, error=error)]).labels(f"{SERVER}_count")] == [
        label
    ]


def test_what_is_read_at_the_moment_of_the_scrape():
    found = scrape([])
    assert found.value("toolgate_inflight_requests") == 3
    assert found.value("toolgate_config_generation") == 7
    assert found.value("toolgate_records_dropped_total") == 11
    assert found.value("toolgate_records_lost_total", sink="log") == 5
    assert found.value("toolgate_malformed_requests_total", reason="not_json") == 2
    assert found.value("toolgate_upstream_up", server="files") == 1
    assert found.labels("toolgate_upstream_up") == [{"server": "files"}, {"server": "mail"}]
    assert found.value("toolgate_upstream_up", server="mail") == 0
    assert found.value("toolgate_build_info", version=__version__) == 1


def test_callers_make_no_series():
    hostile = [
        record(
            method=f"attack/{number}",
            version=f"v{number}",
            target=f"t{number}",
            server="",
            outcome=Outcome.INVALID,
            error="UnknownMethod",
        )
        for number in range(20_000)
    ]
    hostile += [record(target=f"t{number}", server="", outcome=Outcome.INVALID) for number in range(1_000)]
    found = scrape(hostile)
    assert len(found.labels(f"{SERVER}_count")) == 2
    assert found.value(f"{SERVER}_count", mcp_method_name="_other", mcp_protocol_version="_other") == 20_000
    assert found.value(f"{SERVER}_count", mcp_method_name="tools/call", gen_ai_tool_name="") == 1_000
    assert found.value("toolgate_calls_total") == 21_000


def test_upstreams_make_only_so_many_series_and_nothing_is_lost():
    metrics = Metrics(READINGS)
    total = 0
    for server in range(12):
        batch = [record(server=f"s{server}", target=f"tool{tool}") for tool in range(module.MAX_TOOLS + 50)]
        metrics.write(batch)
        total += len(batch)
    found = Scrape(metrics)
    for name in (SERVER, CLIENT):
        assert len(found.labels(f"{name}_count")) <= module.MAX_SERIES + 1
        assert found.value(f"{name}_count") == total
    first = [x["gen_ai_tool_name"] for x in found.labels(f"{SERVER}_count") if x["gateway_server"] == "s0"]
    assert len(first) == module.MAX_TOOLS + 1
    assert "_other" in first


def test_resources_and_prompts_are_no_labels():
    found = scrape([record(method="resources/read", target="file:///private"), record(method="prompts/get")])
    assert {x["gen_ai_tool_name"] for x in found.labels(f"{SERVER}_count")} == {""}


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_names_that_upstreams_chose_do_not_break_the_text(accept: str):
    hostile = 'a"b\\c\nd{} 1\n# EOF'
    found = scrape([record(target=hostile)], accept)
    assert found.labels(f"{SERVER}_count")[0]["gen_ai_tool_name"] == hostile

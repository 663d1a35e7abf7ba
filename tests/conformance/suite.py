"""Runs the official conformance suite against a server and reads its verdict.

`conformance server --requirements REVISION` runs the scenarios a revision requires, frozen at its release, and some
more for information. It writes one `checks.json` per scenario; the verdict is taken from these files.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.npm.toolchain import Toolchain

CONFORMANCE = "@modelcontextprotocol/conformance"
SUITE_SECONDS = 240.0

Revision = Literal["2025-11-25", "2026-07-28"]

# How many scenarios each revision scores. The lists come from the package; a change of them must be seen.
SCORED: dict[Revision, int] = {"2025-11-25": 30, "2026-07-28": 37}


class SuiteDidNotRunError(Exception):
    """The suite left no results. The message carries its output."""


@dataclass(frozen=True)
class Scenario:
    """The verdict on one scenario: the ids of checks that failed or warned, each with its message.

    A scenario without a single check did not run, and so did not pass.
    """

    name: str
    scored: bool
    checks: int
    failures: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No check failed, and there was one."""
        return self.checks > 0 and not self.failures


@dataclass(frozen=True)
class Verdict:
    """All scenarios of one run."""

    revision: Revision
    scenarios: tuple[Scenario, ...]

    @property
    def scored(self) -> tuple[Scenario, ...]:
        """The scenarios that count, in the order of the requirements."""
        return tuple(scenario for scenario in self.scenarios if scenario.scored)

    def report(self) -> str:
        """What did not pass, one check a line; then the warnings, and what is not scored and failed."""
        lines = [f"{self.revision}: {sum(s.passed for s in self.scored)} of {len(self.scored)} scored scenarios passed"]
        for scenario in self.scenarios:
            mark = "FAILED" if scenario.scored else "failed, not scored"
            lines += [f"  {mark} {scenario.name}: {failure}" for failure in scenario.failures]
            if scenario.checks == 0:
                lines.append(f"  {mark} {scenario.name}: no check was made")
            lines += [f"  warning {scenario.name}: {warning}" for warning in scenario.warnings]
        return "\n".join(lines)


def run(toolchain: Toolchain, url: str, revision: Revision, directory: Path) -> Verdict:
    """Run the requirements of `revision` against `url`, with the results under `directory`, which must be empty.

    Raises:
        SuiteDidNotRunError: there are no results.
        subprocess.TimeoutExpired: the run took longer than `SUITE_SECONDS`.
    """
    arguments = ["server", "--url", url, "--requirements", revision, "--output-dir", str(directory)]
    command = toolchain.command(CONFORMANCE, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=SUITE_SECONDS, check=False)
    results = {_scenario_of(path): json.loads(path.read_text("utf-8")) for path in directory.glob("*/checks.json")}
    if not results:
        raise SuiteDidNotRunError(f"{command} left no results:\n{done.stdout}{done.stderr}")
    required = required_scenarios(toolchain, revision)
    extra = sorted(results.keys() - set(required))
    scenarios = [_scenario(name, results.get(name, []), scored=True) for name in required]
    scenarios += [_scenario(name, results[name], scored=False) for name in extra]
    return Verdict(revision, tuple(scenarios))


def required_scenarios(toolchain: Toolchain, revision: Revision) -> list[str]:
    """The scenarios that `revision` scores for a server: the list `server:` of the package's requirements."""
    text = (toolchain.modules / CONFORMANCE / "requirements" / f"{revision}.yaml").read_text("utf-8")
    section = re.search(r"^server:\n((?:  - .+\n)+)", text, re.MULTILINE)
    if section is None:
        raise ValueError(f"the requirements of {revision} have no list of server scenarios")
    return [line.removeprefix("  - ") for line in section[1].splitlines()]


def _scenario(name: str, checks: list[dict[str, Any]], *, scored: bool) -> Scenario:
    def with_status(status: str) -> tuple[str, ...]:
        return tuple(f"{check['id']}: {check.get('errorMessage')}" for check in checks if check["status"] == status)

    made = sum(check["status"] in {"SUCCESS", "FAILURE", "WARNING"} for check in checks)
    return Scenario(name, scored, made, with_status("FAILURE"), with_status("WARNING"))


def _scenario_of(path: Path) -> str:
    """The scenario's name in `server-NAME-2026-01-31T01-02-03-004Z/checks.json`."""
    match = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", path.parent.name)
    if match is None:
        raise ValueError(f"{path.parent.name} is not named as the suite names its results")
    return match[1]

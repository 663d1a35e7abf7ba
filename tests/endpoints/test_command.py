"""`toolgate server add-endpoint` where nothing is registered: what it shows, writes, warns of and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.connectors.test_journey import holding
from toolgate.cli.program import run
from toolgate.upstreams.connector import reading

SECRET = "made-up-0123456789-secret"
COMMAND = f"curl https://api.example.com/v1/reports -H 'X-Api-Key: {SECRET}' --json '{{\"city\": \"Oslo\"}}'"


class Desk:
    """Somebody at a command line, in a folder of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def adds(self, *arguments: str) -> tuple[int, str, str]:
        code = run(["server", "add-endpoint", *arguments])
        said = self._capsys.readouterr()
        assert SECRET not in said.out + said.err
        return code, said.out, said.err


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, capsys)


@pytest.mark.promise("endpoints.secrets")
def test_a_secret_on_the_command_line_is_warned_of(desk: Desk):
    code, out, err = desk.adds("reports", "--curl", COMMAND, "--dry-run")
    assert code == 0
    assert "the command line held a secret: it stands in the history of your shell" in err
    assert "the secret token would be stored, and be named store:reports-token" in err
    settings = yaml.safe_load(out)
    assert settings["credentials"] == {"token": "store:reports-token"}
    assert settings["definition"]["auth"][0]["headers"] == {"X-Api-Key": "{token}"}
    code, out, err = desk.adds("reports", "--curl", COMMAND, "--dry-run", "--credential", "env:REPORTS_KEY")
    assert yaml.safe_load(out)["credentials"] == {"token": "env:REPORTS_KEY"}
    assert "the command line held a secret" in err
    assert "would be stored" not in err
    _, _, err = desk.adds("it", "GET https://x.example/y", "--header", "X-Api-Key: env:KEY", "--dry-run")
    assert "held a secret" not in err


@pytest.mark.promise("endpoints.secrets")
def test_a_folder_is_written_without_the_secret_and_never_over_another(desk: Desk):
    code, out, err = desk.adds("reports", "--curl", COMMAND, "--write", "connectors")
    assert code == 0, err
    folder = desk.folder / "connectors" / "reports"
    assert yaml.safe_load(out)["servers"]["reports"] == {
        "kind": "connector", "credentials": {"token": "store:reports-token"}, "path": str(folder),
    }  # fmt: skip
    assert "the secret token is written nowhere: store it with `toolgate secret put reports-token`" in err
    assert reading.read(folder).tools[0].name == "create_reports"
    before = (folder / "connector.yaml").read_bytes()
    code, _, err = desk.adds("reports", "--curl", COMMAND, "--write", "connectors", "--about", "Files another report.")
    assert (code, "is there already, and is left as it is" in err) == (2, True)
    assert (folder / "connector.yaml").read_bytes() == before
    assert holding(desk.folder, SECRET) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["it"], "give the endpoint, as"),
        (["it", "GET https://x.example/y", "--curl", COMMAND], "give the endpoint, as"),
        (["it", "x.example"], "the endpoint: expected a method and a URL"),
        (["it", "GET https://x.example/y", "--header", "nonsense"], "--header: expected `Name: value`"),
        (["it", "--curl", COMMAND, "--header", "X-A: b"], "--header is for an endpoint; a curl command has its own"),
        (["it", "GET https://x.example/y", "--result", "a."], "definition.tools[0].result: is no JMESPath"),
        (
            ["it", "GET https://x.example/y", "--tool", "list_y"],
            "a list needs `paginate: true`, or an argument `limit`",
        ),
        (["../it", "GET https://x.example/y", "--write", "."], "definition.id: expected `str` matching regex"),
        (["it", "--curl", COMMAND, "--credential", "key=env:K"], "with one of the fields token"),
        (["it", "--curl", COMMAND, "--credential", "token=plain"], "expected env:NAME, file:PATH or store:NAME"),
        (["it", "--curl", COMMAND.replace(SECRET, "YOUR_API_KEY")], "the secret is left open, as documentation has it"),
    ],
)
def test_what_is_refused_before_anything_is_asked(desk: Desk, arguments: list[str], told: str):
    code, _, err = desk.adds(*arguments)
    assert code == 2
    assert told in " ".join(err.replace("\u2502", " ").split()), err
    assert list(desk.folder.iterdir()) == []

"""Process settings: where a value comes from, and what each finding says."""

import subprocess
import sys
from pathlib import Path

import pytest

from toolgate.model.errors import ConfigError
from toolgate.settings import DEFAULT_FILE, FILE_VARIABLE, NAMES, Settings, load

ROOT = Path(__file__).resolve().parents[2]


def findings(tmp_path: Path, flags: dict[str, object] | None = None, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(flags or {}, environment, tmp_path)
    return list(caught.value.findings)


def test_nothing_given_is_loopback_with_a_key(tmp_path: Path):
    assert load({}, {}, tmp_path) == Settings()
    assert (Settings().host, Settings().port, Settings().open) == ("127.0.0.1", 8484, False)


def test_a_flag_beats_the_environment_beats_the_file(tmp_path: Path):
    (tmp_path / DEFAULT_FILE).write_text("port: 1\ndrain_timeout: 100\nmax_connections: 7\n")
    found = load({"port": 3}, {"TOOLGATE_PORT": "2", "TOOLGATE_DRAIN_TIMEOUT": "200"}, tmp_path)
    assert (found.port, found.drain_timeout, found.max_connections) == (3, 200, 7)


def test_texts_become_what_the_setting_is(tmp_path: Path):
    environment = {
        "TOOLGATE_ALLOWED_HOSTS": "a.example.com, b.example.com,",
        "TOOLGATE_DRAIN_TIMEOUT": "500ms",
        "TOOLGATE_MAX_BODY": "1MiB",
        "TOOLGATE_WATCH": "off",
        "TOOLGATE_DATA_DIR": "data",
        "TOOLGATE_HOST": "",
    }
    found = load({}, environment, tmp_path)
    assert found.allowed_hosts == ("a.example.com", "b.example.com")
    assert (found.drain_timeout, found.max_body, found.watch) == (0.5, 1024**2, False)
    assert found.data_dir == tmp_path / "data"
    assert found.host == "127.0.0.1"


def test_paths_start_where_they_are_written(tmp_path: Path):
    (tmp_path / "etc").mkdir()
    for name in ("cert.pem", "key.pem"):
        (tmp_path / "etc" / name).touch()
    (tmp_path / "etc" / "own.yaml").write_text("tls_cert: cert.pem\ntls_key: key.pem\nhost: 10.0.0.1\n")
    found = load({}, {FILE_VARIABLE: "etc/own.yaml"}, tmp_path)
    assert (found.tls_cert, found.tls_key) == (tmp_path / "etc" / "cert.pem", tmp_path / "etc" / "key.pem")


def test_every_finding_says_where_the_value_is_from(tmp_path: Path):
    (tmp_path / DEFAULT_FILE).write_text("prot: 80\nlog_level: inf\nidle_timeout: forever\nport: {}\nport: 1\n")
    found = findings(tmp_path, {"max_connections": 0}, TOOLGATE_OPEN="maybe", TOOLGATE_PROT="1", TOOLGATE_MAX_BODY="x")
    assert found == [
        'toolgate.settings.yaml:1: prot: no setting has this name (did you mean "port"?)',
        "toolgate.settings.yaml:5: port: this key was already given on line 4",
        'TOOLGATE_PROT: no setting has this name (did you mean "TOOLGATE_PORT"?)',
        'toolgate.settings.yaml:2: log_level: must be one of debug, info, warning, error (did you mean "info"?)',
        "toolgate.settings.yaml:3: idle_timeout: expected seconds, as 60 or 500ms or 2m",
        "toolgate.settings.yaml:4: port: expected int, got object",
        "TOOLGATE_OPEN: expected true or false",
        "TOOLGATE_MAX_BODY: expected bytes, as 65536 or 512KiB or 8MiB",
        "--max-connections: expected int >= 1",
    ]


@pytest.mark.promise("listen.safely")
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"host": "0.0.0.0"}, ["--host: others can reach this address"]),
        ({"host": "0.0.0.0", "open": True}, ["--host: others", "--open: asks for no key"]),
        ({"open": True, "behind_proxy": True}, ["--open: asks for no key", "--behind-proxy: p", "--behind-proxy: t"]),
        ({"tls_cert": "absent.pem"}, ["--tls-cert: is of no use without tls_key", "--tls-cert: "]),
        ({"trusted_proxies": "10.0.0.1"}, ["--trusted-proxies: nothing is believed"]),
        ({"config": "absent.yaml"}, ["--config: "]),
    ],
)
def test_what_would_not_be_safe_does_not_start(tmp_path: Path, flags: dict[str, object], expected: list[str]):
    found = findings(tmp_path, flags)
    assert len(found) == len(expected), found
    assert all(line.startswith(beginning) for line, beginning in zip(found, expected, strict=True)), found


def test_variables_of_others_are_left_alone(tmp_path: Path):
    environment = {"TOOLGATE_KEY": "made-up", "TOOLGATE_CRM_TOKEN": "made-up", "TOOLGATE_SERVICE_HOST": "10.0.0.1"}
    assert load({}, environment, tmp_path) == Settings()


def test_what_kubernetes_sets_for_a_service_of_our_name_is_explained(tmp_path: Path):
    (found,) = findings(tmp_path, TOOLGATE_PORT="tcp://10.0.0.1:8484")
    assert "enableServiceLinks: false" in found


@pytest.mark.parametrize("content", ["- a", "port: ]", "port: !!python/name:os.system 1"])
def test_a_broken_file_is_refused(tmp_path: Path, content: str):
    (tmp_path / DEFAULT_FILE).write_text(content)
    (found,) = findings(tmp_path)
    assert found.startswith("toolgate.settings.yaml:1: ")


def test_a_file_that_was_named_must_be_there(tmp_path: Path):
    with pytest.raises(ConfigError, match=f"{FILE_VARIABLE}: absent.yaml: there is no such file"):
        load({}, {FILE_VARIABLE: "absent.yaml"}, tmp_path)


def test_an_empty_file_is_fine(tmp_path: Path):
    (tmp_path / DEFAULT_FILE).write_text("# nothing yet\n")
    assert load({}, {}, tmp_path) == Settings()


def test_there_are_at_most_forty_and_each_is_documented():
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    assert len(NAMES) <= 40
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []


def test_reading_settings_does_not_load_pydantic():
    program = "import sys, toolgate.settings; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT / "src", check=False, timeout=30).returncode == 0

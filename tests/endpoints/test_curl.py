"""Curl commands as people paste them: what is read of one, and what is refused with a reason."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.control.endpoints import curl, lexing
from toolgate.control.endpoints.samples import Sample
from toolgate.model.errors import ConfigError

pytestmark = pytest.mark.promise("endpoints.curl")

API = "https://api.example.com/v1/items"


def findings(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        curl.parse(text)
    return list(caught.value.findings)


def read(text: str) -> tuple[Any, ...]:
    found = curl.parse(text)
    return found.method, found.url, found.headers, found.body, found.content_type, found.user


READ = [
    (f"curl {API}", ("GET", API, (), None, "", None)),
    (f"$ curl --url '{API}'", ("GET", API, (), None, "", None)),
    ("curl api.example.com", ("GET", "https://api.example.com", (), None, "", None)),
    (f"curl -XPUT {API} -HX-A:b", ("PUT", API, (("X-A", "b"),), None, "", None)),
    (f"curl -sSL --compressed -o /dev/null {API}", ("GET", API, (), None, "", None)),
    (f"curl {API} -u me:pass", ("GET", API, (), None, "", "me:pass")),
    (f"curl {API} -d a=1 -d b=2", ("POST", API, (), "a=1&b=2", "application/x-www-form-urlencoded", None)),
    (f"curl {API} -d '{{\"a\": 1}}'", ("POST", API, (), '{"a": 1}', "application/json", None)),
    (f"curl {API} --json '{{}}'", ("POST", API, (), "{}", "application/json", None)),
    (
        f"curl {API} -H 'Content-Type: application/json; charset=utf-8' --data-raw '@x'",
        ("POST", API, (), "@x", "application/json", None),
    ),
    (f"curl -G {API}?x=1 -d a=1 --data-urlencode 'q=a b'", ("GET", f"{API}?x=1&a=1&q=a+b", (), None, "", None)),
    (f"curl {API} \\\n  -H 'A: b' \\\r\n  -X delete", ("DELETE", API, (("A", "b"),), None, "", None)),
    (f"curl {API} -d $'it\\'s \\u00e9\\n'", ("POST", API, (), "it's é\n", "application/x-www-form-urlencoded", None)),
    (f'curl {API} -H "X-A: \\"b\\" $C"', ("GET", API, (("X-A", '"b" $C'),), None, "", None)),
    (f"curl {API} -b 'session=1'", ("GET", API, (("Cookie", "session=1"),), None, "", None)),
    (f"curl {API} --oauth2-bearer abc", ("GET", API, (("Authorization", "Bearer abc"),), None, "", None)),
    (f"curl {API} -H 'Accept:' -H 'X-Empty;'", ("GET", API, (), None, "", None)),
    (f"curl -- {API}", ("GET", API, (), None, "", None)),
]


@pytest.mark.parametrize(("text", "expected"), READ, ids=[text[:50] for text, _ in READ])
def test_what_is_read(text: str, expected: tuple[Any, ...]):
    assert read(text) == expected


REFUSED = [
    ("wget https://x.example", "this is no curl command"),
    ("", "this is no curl command"),
    ("curl", "one URL is expected, found none"),
    (f"curl {API} {API}", "one URL is expected, found 2"),
    (f"curl {API} -F file=@a.png", "--form: files and multipart bodies are not sent"),
    (f"curl {API} -T a.png", "--upload-file: files and multipart"),
    (f"curl {API} -k", "--insecure: certificates are always checked"),
    (f"curl {API} --proxy http://p", "--proxy: where the gateway dials"),
    (f"curl {API} --digest -u a:b", "--digest: this way to sign in is not there"),
    (f"curl {API} -I", "--head: an answer without a body"),
    (f"curl {API} -d @secrets.json", "--data: files of this machine are not read"),
    (f"curl {API} -H @headers", "--header: files of this machine are not read"),
    (f"curl {API} --data-urlencode q@file", "--data-urlencode: files of this machine"),
    (f"curl {API} -b cookies.txt", "--cookie: files of this machine"),
    (f"curl {API} -K config", "--config: files of this machine"),
    (f"curl {API} --hedaer 'a: b'", "--hedaer: this option is not known (did you mean `header`?)"),
    (f"curl {API} -y", "-y: this option is not known"),
    (f"curl {API} -H", "--header: its value is missing"),
    (f"curl {API} -H nonsense", "--header: expected `Name: value`"),
    (f"curl {API} -u me", "--user: expected USER:PASSWORD"),
    (f"curl {API} | jq .", "| is not for it"),
    (f"curl {API}; rm -rf /", "; is not for it"),
    (f"curl {API} $(whoami)", "$ is not for it"),
    (f"curl {API} `whoami`", "` is not for it"),
    (f"curl {API}\ncurl {API}", "this is more than one line"),
    (f"curl {API} -H 'a: b", "a quotation mark is never closed"),
    (f"curl {API} ^\n -H a:b", "this is written for cmd.exe"),
    ("curl " + "x" * 300_000, "longer than 262144 characters"),
]


@pytest.mark.parametrize(("text", "told"), REFUSED, ids=[text[-40:] for text, _ in REFUSED])
def test_what_is_refused(text: str, told: str):
    assert any(told in finding for finding in findings(text)), findings(text)


@pytest.mark.promise("endpoints.secrets")
def test_no_finding_and_no_repr_repeats_a_secret():
    secret = "made-up-0123456789"
    told = findings(f"curl {API} -k --frob -H 'A: Bearer {secret}' -u me:{secret} -d '{secret}' -F {secret}")
    assert secret not in repr(told)
    assert secret not in repr(Sample("GET", API, (("Authorization", secret),), secret, "", f"me:{secret}"))


@given(st.text(max_size=80))
def test_whatever_is_pasted_is_read_or_refused(text: str):
    with contextlib.suppress(ConfigError):
        assert curl.parse(f"curl {text}").url


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_words_are_those_of_bash():
    texts = [
        "a 'b c' \"d \\\"e\\\" \\\\ \\n\" f\\ g h''i \"\" ''",
        "$'tab\\there' $'q\\'q' $'\\x41\\u00e9' a$'b'c",
        "x\\\ny --z='1 2' \"a\\\nb\"",
    ]
    for text in texts:
        script = f"printf '%s\\0' {text}"
        said = subprocess.run(["bash", "-c", script], capture_output=True, check=True, timeout=20).stdout.decode()
        assert lexing.words(text) == said.split("\0")[:-1]

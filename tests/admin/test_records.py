"""Records over the API: versions, conflicts, merge patches, pages, filters, repeats, and what is never answered."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from tests.admin.site import NOBODY, Site
from toolgate.client.administration import Administration
from toolgate.client.place import Place
from toolgate.model.entities import Binding, Key, Role, Secret, Server, ServerState, Team, User
from toolgate.model.errors import Conflict, NotAllowed, NotFound, Refused, Unauthenticated, UpstreamFailed


def team(name: str) -> Team:
    return Team(name=name, description="A team")


@pytest.mark.promise("api.versions")
async def test_a_record_is_made_read_changed_and_removed(site: Site):
    async with site.api() as api:
        made = await api.create(team("blue"))
        assert (made.stamp.version, made.stamp.created_by) == (1, "key:local")
        assert await api.get(Team, "blue") == made
        changed = await api.replace(msgspec.structs.replace(made, description="Other"))
        assert (changed.description, changed.stamp.version) == ("Other", 2)
        patched = await api.patch(Team, "blue", {"cost_center": "42", "description": None}, version=2)
        assert (patched.cost_center, patched.description, patched.stamp.version) == ("42", "", 3)
        await api.remove(Team, "blue", version=3)
        with pytest.raises(NotFound):
            await api.get(Team, "blue")


@pytest.mark.promise("api.versions")
async def test_the_second_of_two_editors_gets_the_record_as_it_is(site: Site):
    async with site.api() as api:
        seen = await api.create(team("blue"))
        first = await api.replace(msgspec.structs.replace(seen, description="First"))
        for attempt in (
            api.replace(msgspec.structs.replace(seen, description="Second")),
            api.patch(Team, "blue", {"description": "Second"}, version=1),
            api.remove(Team, "blue", version=1),
        ):
            with pytest.raises(Conflict) as raised:
                await attempt
            assert raised.value.current == first
        with pytest.raises(Conflict) as raised:
            await api.create(team("blue"))
        assert raised.value.current == first
    answer = await site.ask("PUT", "/teams/blue", {"name": "blue"}, headers={"If-Match": '"1"'})
    assert (answer.status, answer.headers["etag"]) == (412, '"2"')
    assert (await site.ask("POST", "/teams", {"name": "blue"})).status == 409


@pytest.mark.promise("api.versions")
@pytest.mark.parametrize(("given", "status"), [(None, 428), ("*", 400), ('W/"1"', 400), ("1", 400), ('"1", "2"', 400)])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_says_which_version_it_saw(site: Site, method: str, given: str | None, status: int):
    assert (await site.ask("POST", "/teams", {"name": "blue"})).status == 201
    headers = {} if given is None else {"If-Match": given}
    answer = await site.ask(method, "/teams/blue", None if method == "DELETE" else {"name": "blue"}, headers=headers)
    assert answer.status == status
    assert json.loads((await site.ask("GET", "/teams/blue")).body)["stamp"]["version"] == 1


@pytest.mark.promise("api.problems")
async def test_every_refusal_is_a_problem_with_findings(site: Site):
    answer = await site.ask("POST", "/teams", {"name": "Not A Name", "members": "x", "colour": "blue"})
    problem = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, problem["status"], problem["title"]) == (422, 422, "Unprocessable Content")
    assert problem["type"] == "urn:toolgate:problem:refused"
    assert {finding["field"] for finding in problem["findings"]} >= {"members", "colour"}
    answer = await site.ask("POST", "/teams", {"name": "Not A Name"})
    assert [finding["field"] for finding in json.loads(answer.body)["findings"]] == ["name"]
    for method, path, body, headers, status in (
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/teams/nobody/else", None, {}, 404),
        ("GET", "/teams/", None, {}, 404),
        ("POST", "/me", {}, {}, 405),
        ("POST", "/teams", b"{", {}, 400),
        ("POST", "/teams", b"[]", {}, 400),
        ("POST", "/teams", b"\xff", {}, 400),
        ("POST", "/teams", b'{"name": "a\\u0000"}', {}, 400),
        ("POST", "/teams", b'{"x":' * 40 + b"1" + b"}" * 40, {}, 400),
        ("POST", "/teams", b"[" * 200_000, {}, 400),
        ("POST", "/teams", b'{"name": "' + b"a" * 3_500_000 + b'"}', {}, 413),
        ("POST", "/teams", b"{}", {"Content-Type": "text/plain"}, 415),
        ("GET", "/teams?limit=0", None, {}, 400),
        ("GET", "/teams?limit=1001", None, {}, 400),
        ("GET", "/teams?limit=1&limit=2", None, {}, 400),
        ("GET", "/teams?colour=blue", None, {}, 422),
        ("GET", "/me?x=1", None, {}, 400),
        ("GET", "/me", None, {"Origin": "https://evil.example"}, 403),
    ):
        answer = await site.ask(method, path, body, headers=headers)
        problem = json.loads(answer.body)
        assert (answer.status, problem["status"]) == (status, status), (path, body and body[:30], answer.body[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(problem) >= {"type", "title", "status", "detail", "findings"}


@pytest.mark.promise("api.problems")
async def test_without_a_good_key_nothing_is_said(site: Site):
    for path in ("/teams", "/nothing", "/teams/blue"):
        answer = await site.ask("GET", path, who=None)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="toolgate"')
    answer = await site.ask("PUT", "/teams/x", b" " * 200_000, who=None)
    assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
    wrong = site.keys[NOBODY][:-1] + ("y" if site.keys[NOBODY].endswith("x") else "x")
    async with Administration(Place(site.url, "", wrong)) as api:
        with pytest.raises(Unauthenticated):
            await api.me()


@pytest.mark.promise("api.pages")
async def test_pages_stay_in_place_while_records_come_and_go(site: Site):
    async with site.api() as api:
        for number in range(7):
            await api.create(User(name=f"u{number}", display="even" if number % 2 == 0 else "odd"))
        first, after = await api.list(User, limit=3)
        assert ([one.name for one in first], after) == (["u0", "u1", "u2"], "u2")
        await api.create(User(name="a"))
        await api.remove(User, "u2", version=1)
        await api.remove(User, "u4", version=1)
        second, after = await api.list(User, limit=3, after=after)
        assert ([one.name for one in second], after) == (["u3", "u5", "u6"], None)
        assert [one.name async for one in api.each(User, {"display": "even"})] == ["u0", "u6"]


@pytest.mark.promise("api.repeats")
async def test_a_creation_that_is_sent_again_is_answered_as_the_first_time(site: Site):
    async def send(body: dict[str, str], key: str = "once", who: str = "local"):
        return await site.ask("POST", "/teams", body, who=who, headers={"Idempotency-Key": key})

    body = {"name": "blue"}
    answers = await asyncio.gather(send(body), send(body), send(body))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert (await send({"name": "red"})).status == 422
    assert (await send(body, key="other")).status == 409
    assert (await send(body, who="owner")).status == 409  # another's key is not mine
    assert (await send({"name": "Wrong"}, key="k")).status == 422
    assert (await send({"name": "right"}, key="k2")).status == 201
    assert (await send(body, key="x" * 256)).status == 400


@pytest.mark.promise("api.no-secrets")
async def test_a_key_is_shown_once_and_its_digest_never(site: Site):
    async with site.api() as api:
        await api.create(User(name="jane"))
        minted = await api.mint(Key(name="laptop", digest="", owner="user:jane"))
        rotated = await api.rotate("laptop", version=1)
        assert rotated.clear != minted.clear
        stored = next(one for one in (await site.records.load())[1] if isinstance(one, Key))
        said = [(await site.ask("GET", path)).body for path in ("/keys", "/keys/laptop", "/audit")]
        for secret in (minted.clear, rotated.clear, stored.digest):
            assert not any(secret.encode() in body for body in said)
        with pytest.raises(Refused) as raised:
            await api.patch(Key, "laptop", {"digest": "00"}, version=2)
        assert raised.value.findings[0][0] == "digest"
        changed = await api.patch(Key, "laptop", {"tools": ["a__*"]}, version=2)
        assert changed.tools == ("a__*",)
        after = next(one for one in (await site.records.load())[1] if isinstance(one, Key))
        assert after.digest == stored.digest
        assert (await api.revoke("laptop")).revoked
        with pytest.raises(Refused, match="was revoked, which is for ever"):
            await api.rotate("laptop", version=4)


@pytest.mark.promise("api.taken-names")
async def test_a_taken_name_tells_nothing_but_that(site: Site):
    async with site.api() as api:
        await api.put_secret("token", "a value", owner="only-owner", description="Hidden from who may not see it")
        await api.create(Role(name="writer", permissions=("secret:write",)))
        await api.create(Binding(name="give-writer", subject="team:only-publisher", role="writer"))
    for path, body, status in (
        ("/secrets/token", {"value": "another"}, 409),
        ("/secrets/fresh", {"value": "another"}, 201),
    ):
        answer = await site.ask("PUT", path, body, who="publisher")
        assert answer.status == status
    taken = await site.ask("PUT", "/secrets/token", {"value": "another"}, who="publisher")
    assert "etag" not in taken.headers
    assert "current" not in json.loads(taken.body)
    assert b"only-owner" not in taken.body
    for method, given in (("GET", {}), ("PUT", {"If-Match": '"1"'}), ("DELETE", {"If-Match": '"1"'})):
        body = {"value": "x"} if method == "PUT" else None
        hidden = await site.ask(method, "/secrets/token", body, who="publisher", headers=given)
        absent = await site.ask(method, "/secrets/absent", body, who="publisher", headers=given)
        assert hidden.status == absent.status == 404
        assert hidden.body.replace(b"token", b"absent") == absent.body


@pytest.mark.promise("api.no-secrets")
async def test_a_secret_is_written_and_never_read(site: Site):
    async with site.api() as api:
        made = await api.put_secret("token", "hunter2-hunter2", description="For tests")
        assert (made.description, made.sealed, made.stamp.version) == ("For tests", "", 1)
        with pytest.raises(Conflict):
            await api.put_secret("token", "other")
        changed = await api.put_secret("token", None, description="Kept", version=1)
        assert (changed.description, changed.stamp.version) == ("Kept", 2)
        with pytest.raises(Refused):
            await api.put_secret("new", None)
        stored = next(one for one in (await site.records.load())[1] if isinstance(one, Secret))
        for path in ("/secrets", "/secrets/token", "/audit"):
            body = (await site.ask("GET", path)).body
            assert b"hunter2" not in body
            assert stored.sealed.encode() not in body
    answer = await site.ask("PUT", "/secrets/other", {"value": ["hunter2"]})
    assert (answer.status, b"hunter2" in answer.body) == (422, False)
    assert (await site.ask("POST", "/secrets", {"name": "x"})).status == 405


@pytest.mark.promise("api.versions")
async def test_servers_go_from_state_to_state(site: Site):
    server = Server(name="files", kind="echo", state=ServerState.DRAFT)
    async with site.api() as api:
        made, _ = await api.register(server, state=ServerState.DRAFT)
        assert made.state is ServerState.DRAFT
        assert (await api.move(Server, "files", "publish")).state is ServerState.LIVE
        assert (await api.move(Server, "files", "pause", version=2)).state is ServerState.PAUSED
        with pytest.raises(Conflict):
            await api.move(Server, "files", "resume", version=2)
        assert (await api.move(Server, "files", "retire")).state is ServerState.RETIRED
        with pytest.raises(Refused) as raised:
            await api.move(Server, "files", "pause")
        assert raised.value.findings[0][0] == "state"


@pytest.mark.promise("api.problems")
async def test_who_may_not_is_told_what_is_missing(site: Site):
    async with site.api("member") as api:
        with pytest.raises(NotAllowed) as raised:
            await api.create(Role(name="boss", permissions=("server:read",)))
        assert (raised.value.permission, raised.value.scope) == ("role:write", "organisation")
        me = await api.me()
        assert me.id == "key:key-member"
        assert any(holding.scope == "organisation" for holding in me.holdings)


async def test_the_audit_goes_on_where_it_was_left(site: Site):
    async with site.api() as api:
        before, _ = await api.audit(limit=1000)
        last = before[-1].seq
        for name in ("a", "b", "c"):
            await api.create(team(name))
        changes, following = await api.audit(after=last, limit=2)
        assert [change.name for change in changes] == ["a", "b"]
        assert following is not None
        changes, following = await api.audit(after=following, limit=2)
        assert ([change.name for change in changes], following) == (["c"], None)


async def test_a_group_may_have_slashes_in_its_name(site: Site):
    answer = await site.ask("POST", "/groups", {"name": "/org/People & more"})
    assert answer.status == 201, answer.body
    found = await site.ask("GET", answer.headers["location"].removeprefix("/api/v1"))
    assert json.loads(found.body)["name"] == "/org/People & more"


async def test_a_gateway_without_records_says_so(site: Site):
    async with Administration(Place(site.url, "/nowhere", site.keys["local"])) as api:
        with pytest.raises(UpstreamFailed, match="keeps no records"):
            await api.me()

"""One POST on its way to an answer: when the stream is committed, what a slow client is told, and who is cancelled."""

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.virtual_time import run, settle
from toolgate.edge.exchange import QUEUE, QUEUE_BYTES, Exchange
from toolgate.edge.request import Header
from toolgate.edge.silence import KEEP_ALIVE, Silence
from toolgate.model.call import Notification
from toolgate.model.errors import NoWayBack
from toolgate.pipeline.wheel import Wheel
from toolgate.protocol.sse import COMMENT, SseReader

ANSWER = b'{"jsonrpc":"2.0","id":1,"result":{}}'


class Client:
    """A client at the other end: what it was sent, whether it reads, and the way to go away."""

    def __init__(self) -> None:
        self.paused = False
        self.sent: list[object] = []
        self.body = b""
        self.ended = False
        self._gone: Callable[[], None] | None = None
        self._drained: Callable[[], None] | None = None

    def watch(self, gone: Callable[[], None] | None, drained: Callable[[], None] | None) -> None:
        self._gone, self._drained = gone, drained

    def reply(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        assert not self.sent, "one answer"
        self.sent.append((status, dict(headers)[b"content-type"]))
        self.body, self.ended = body, True

    def start(self, status: int, headers: Sequence[Header]) -> None:
        assert not self.sent, "one answer"
        self.sent.append((status, dict(headers)[b"content-type"]))

    def write(self, data: bytes) -> None:
        assert self.sent
        assert not self.ended
        self.body += data

    def end(self) -> None:
        self.ended = True

    def go_away(self) -> None:
        assert self._gone is not None
        self._gone()

    def read_again(self) -> None:
        self.paused = False
        if self._drained is not None:
            self._drained()

    def messages(self) -> list[dict[str, object]]:
        reader = SseReader(1_000_000)
        return [json.loads(event.data) for event in reader.feed(self.body)]


def progress(value: int, token: object = 1) -> Notification:
    return Notification("notifications/progress", json.dumps({"progressToken": token, "progress": value}).encode())


def log(text: str) -> Notification:
    return Notification("notifications/message", json.dumps({"level": "info", "data": text}).encode())


def exchange(client: Client, task: "asyncio.Task[None] | None" = None) -> Exchange:
    return Exchange(client, Silence(Wheel()), task)


STREAM, JSON = (200, b"text/event-stream"), b"application/json"


def test_an_early_answer_keeps_its_status():
    async def main() -> None:
        client = Client()
        exchange(client).finish(403, ANSWER)
        assert client.sent == [(403, JSON)]
        assert (client.body, client.ended) == (ANSWER, True)

    run(main())


@pytest.mark.promise("streams.commit")
def test_the_first_notification_commits_the_stream():
    async def main() -> None:
        client = Client()
        one = exchange(client)
        assert client.sent == []
        one.notify(progress(1))
        assert client.sent == [STREAM]
        one.notify(log("x"))
        one.finish(403, ANSWER)
        assert client.sent == [STREAM], "the status had been sent"
        assert client.ended
        methods = [message.get("method", "answer") for message in client.messages()]
        assert methods == ["notifications/progress", "notifications/message", "answer"]

    run(main())


@pytest.mark.promise("streams.commit")
def test_after_fifteen_seconds_of_silence_the_stream_is_committed_and_kept_alive():
    async def main() -> None:
        client = Client()
        one = exchange(client)
        await asyncio.sleep(KEEP_ALIVE - 1)
        assert client.sent == []
        await asyncio.sleep(2.5)
        assert client.sent == [STREAM]
        assert client.body == COMMENT
        await asyncio.sleep(KEEP_ALIVE + 1.5)
        assert client.body == COMMENT * 2
        one.finish(200, ANSWER)
        await asyncio.sleep(100)
        assert client.body.startswith(COMMENT * 2 + b"event: message\ndata: {")

    run(main())


def test_news_is_no_silence():
    async def main() -> None:
        client = Client()
        one = exchange(client)
        for value in range(20):
            one.notify(progress(value))
            await asyncio.sleep(KEEP_ALIVE - 3)
        assert COMMENT not in client.body
        one.finish(200, ANSWER)

    run(main())


@pytest.mark.promise("streams.slow")
def test_a_slow_client_is_told_of_the_latest_progress_of_each_call():
    async def main() -> None:
        client = Client()
        one = exchange(client)
        one.notify(progress(0))
        client.paused = True
        for value in range(1, 1_000):
            one.notify(progress(value))
            one.notify(progress(value * 2, token="other"))
        assert len(client.messages()) == 1, "nothing is written while it does not read"
        client.read_again()
        said = [message["params"] for message in client.messages()]
        assert said == [
            {"progressToken": 1, "progress": 0},
            {"progressToken": 1, "progress": 999},
            {"progressToken": "other", "progress": 1998},
        ]
        assert one.dropped == 0
        one.notify(progress(1_000))
        assert len(client.messages()) == 4
        one.finish(200, ANSWER)

    run(main())


def test_a_change_that_is_told_already_is_not_told_twice():
    async def main() -> None:
        client = Client()
        one = exchange(client)
        client.paused = True
        for _ in range(5):
            one.notify(Notification("notifications/tools/list_changed", b"{}"))
            one.notify(Notification("notifications/resources/updated", b'{"uri":"a"}'))
            one.notify(Notification("notifications/resources/updated", b'{"uri":"b"}'))
        client.read_again()
        assert len(client.messages()) == 3

    run(main())


@pytest.mark.promise("streams.slow")
def test_what_a_slow_client_misses_is_bounded_and_counted():
    async def main() -> None:
        client = Client()
        one = exchange(client)
        client.paused = True
        for number in range(QUEUE + 50):
            one.notify(log(str(number)))
        assert one.dropped == 50
        one.finish(200, ANSWER)
        messages = client.messages()
        assert len(messages) == QUEUE + 1
        assert messages[-1] == json.loads(ANSWER), "the answer is never dropped"
        large = Client()
        two = exchange(large)
        large.paused = True
        for _ in range(3):
            two.notify(log("x" * (QUEUE_BYTES // 2)))
        assert two.dropped == 2

    run(main())


def test_a_client_that_goes_away_takes_its_call_back():
    async def main() -> None:
        client = Client()
        task = asyncio.create_task(asyncio.sleep(1_000))
        one = exchange(client, task)
        client.go_away()
        await settle()
        assert task.cancelled()
        one.notify(progress(1))
        one.finish(200, ANSWER)
        await asyncio.sleep(100)
        assert client.sent == [], "nothing is sent to who is not there"

    run(main())


async def test_a_modern_client_is_asked_nothing():
    with pytest.raises(NoWayBack, match="sampling/createMessage"):
        await exchange(Client()).ask("sampling/createMessage", b"{}")


STEPS = st.lists(st.sampled_from(["log", "progress", "change", "pause", "read", "wait"]), max_size=30)


@given(STEPS, st.booleans())
def test_messages_come_in_order_and_the_answer_last(steps: list[str], slow_at_the_end: bool):
    async def main() -> None:
        client = Client()
        one = exchange(client)
        logged = 0
        for number, step in enumerate(steps):
            if step == "log":
                one.notify(log(str(number)))
                logged += 1
            elif step == "progress":
                one.notify(progress(number))
            elif step == "change":
                one.notify(Notification("notifications/tools/list_changed", b"{}"))
            elif step == "wait":
                await asyncio.sleep(20)
            elif step == "pause":
                client.paused = True
            else:
                client.read_again()
        client.paused = slow_at_the_end
        one.finish(200, ANSWER)
        assert client.ended
        if client.sent != [STREAM]:
            assert client.body == ANSWER
            return
        *news, answer = client.messages()
        assert answer == json.loads(ANSWER)
        said = [message["params"] for message in news]
        texts = [int(params["data"]) for params in said if isinstance(params, dict) and "data" in params]
        values = [params["progress"] for params in said if isinstance(params, dict) and "progress" in params]
        assert len(texts) == logged
        assert texts == sorted(texts)
        assert values == sorted(values)

    run(main())

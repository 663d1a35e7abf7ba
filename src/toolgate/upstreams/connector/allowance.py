"""How many calls a product still takes, as its answers say: where none is left, it is not asked."""

from collections.abc import Mapping

from toolgate.upstreams.connector import answers
from toolgate.upstreams.connector.answers import Api, Reply

LONGEST_HOLD = 3600.0
"""Seconds after which it is asked again at the latest, whatever it said: clocks differ, and allowances are raised."""

_AT_ONCE = 6
"""Of the calls of a minute a sixth may come at once."""

_MOST_BUCKETS = 256
_LONGEST_NAME = 100


class Allowance:
    """Of one server. An answer counts for the bucket that it names; else for its endpoint, or for all of the product,
    as the connector says. Moments are Unix time, in seconds."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._limit = api.rate_limit
        self._named = (self._limit.bucket or "").lower()
        self._left = (self._limit.remaining or "").lower()
        self._buckets: dict[str, str] = {}
        self._held: dict[str, float] = {}
        self._calls = self._most = max(1.0, (self._limit.per_minute or 0) / _AT_ONCE)
        self._counted = 0.0

    def take(self, endpoint: str, now: float) -> float:
        """0 where a call may go out now, which it then counts; else the seconds until one may."""
        held = max(self._held.get(self._bucket(endpoint), 0.0), self._held.get(endpoint, 0.0)) - now
        if held > 0:
            return held
        rate = self._limit.per_minute
        if rate is None:
            return 0.0
        self._calls = min(self._most, self._calls + max(0.0, now - self._counted) * rate / 60)
        self._counted = now
        if self._calls < 1:
            return (1 - self._calls) * 60 / rate
        self._calls -= 1
        return 0.0

    def heard(self, endpoint: str, reply: Reply, now: float) -> None:
        """What an answer says of the calls to come."""
        name = reply.headers.get(self._named, "")[:_LONGEST_NAME] if self._named else ""
        if name and (endpoint in self._buckets or len(self._buckets) < _MOST_BUCKETS):
            self._buckets[endpoint] = name
        limited = answers.is_limited(self._api, reply)
        if not limited and not self._is_last(reply.headers):
            return
        seconds = answers.wait(self._api, reply, now)
        if seconds is None:
            return
        place = endpoint if reply.status == 503 else self._bucket(endpoint)
        if place in self._held or len(self._held) < _MOST_BUCKETS:
            self._held[place] = now + min(seconds, LONGEST_HOLD)

    def _bucket(self, endpoint: str) -> str:
        """Never the name of an endpoint, which has a blank in it, unless it is one."""
        named = self._buckets.get(endpoint)
        if named is not None:
            return f"bucket {named}"
        return endpoint if self._limit.counted == "endpoint" or self._named else ""

    def _is_last(self, headers: Mapping[str, str]) -> bool:
        return self._left != "" and headers.get(self._left, "").strip() == "0"

"""What was answered to a request that may be sent again."""

import msgspec


class Remembered(msgspec.Struct, frozen=True):
    """What was answered to an idempotency key, and the digest of the request that it was answered to."""

    digest: str
    answer: str

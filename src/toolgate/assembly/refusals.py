"""How the API says no, for what answers in its name without being it."""

from toolgate.admin.exchange import Answer
from toolgate.admin.problems import problem, problem_of
from toolgate.edge.answering import Answered
from toolgate.edge.observing import Refusals
from toolgate.edge.request import Header
from toolgate.model.errors import Fault
from toolgate.model.identity import Principal


class Problems(Refusals):
    """RFC 9457, as `admin.problems` has it."""

    def fault(self, fault: Fault, /) -> Answered:
        return _answered(problem_of(fault))

    def wrong(self, status: int, detail: str, headers: tuple[Header, ...] = (), /) -> Answered:
        return _answered(problem(status, detail, headers=headers))


async def nobody(principal: Principal) -> bool:
    """Without records, nobody holds anything."""
    return False


def _answered(answer: Answer) -> Answered:
    return answer.status, answer.body, answer.headers

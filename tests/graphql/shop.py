"""A shop with a GraphQL API, run by graphql-core on a real socket. It keeps every request; what is to be answered
instead, such as 429, stands in `plays`."""

from __future__ import annotations

import json
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from tests.connectors.replay import Play, Replay, Request

SDL = '''
"""A shop."""
type Query {
  "Finds one order."
  order("The number of an order, as A-17." number: String!): Order
  orders(filter: OrderFilter, first: Int, after: String): OrderConnection!
  customers: [Customer!]!
  echo(text: String): String
  secret: String
  at(when: DateTime): String
  price(of: Money!): String
}

type Mutation {
  cancelOrder(number: ID!, reason: Reason = LATE): Order
  changeOrder(change: OrderChange!): String
}

type Subscription { orderChanged: Order }

enum Reason { LATE, WRONG, UNWANTED @deprecated(reason: "not any more") }
scalar DateTime
scalar Money

"Which orders are meant."
input OrderFilter {
  "Only in these states."
  states: [State!]
  total: Range
  and: [OrderFilter!]
}
input Range { min: Int = 0, max: Int! }
input OrderChange { number: ID!, note: String, by: Who }
input Who @oneOf { name: String, number: Int }
enum State { OPEN, SHIPPED }

interface Node { id: ID! }
type Order implements Node { id: ID!, number: String!, state: State, note: String, customer: Customer, items: [Item!]! }
type Item { name: String!, broken: String }
type Customer implements Node { id: ID!, name: String!, story: String }
union Found = Order | Customer
type OrderConnection { nodes: [Order!]!, edges: [OrderEdge!]!, pageInfo: PageInfo! }
type OrderEdge { node: Order!, cursor: String! }
type PageInfo { hasNextPage: Boolean!, endCursor: String }
'''
SCHEMA = build_schema(SDL)


def order(number: int) -> dict[str, Any]:
    customer = {"id": f"c{number}", "name": "Ann", "story": "x" * 300}
    return {
        "id": str(number),
        "number": f"A-{number}",
        "state": "OPEN",
        "note": "n" * 200,
        "customer": customer,
        "items": [{"name": "cup", "broken": _broken}],
    }


def _broken(info: Any) -> str:
    raise GraphQLError("the stock cannot be asked", extensions={"code": "UNAVAILABLE", "stacktrace": ["at secret.py"]})


class Shop(Replay):
    """`count` orders. `judge` of a replay looks at the credential."""

    def __init__(self, count: int = 45) -> None:
        super().__init__([])
        self.count = count
        self.bodies: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Play:
        self.seen.append(request)
        self.complaints += self._general(request)
        if request.method != "POST" or request.all("content-type") != ["application/json"]:
            self.complaints.append("no POST of JSON")
        body = json.loads(request.body)
        self.bodies.append(body)
        if self.plays:
            return self.plays.popleft()
        result = graphql_sync(
            SCHEMA, body["query"], self, variable_values=body["variables"], operation_name=body.get("operationName")
        )
        return Play(body=result.formatted)

    def order(self, info: Any, number: str) -> dict[str, Any] | None:
        if number == "A-0":
            raise GraphQLError("there is no order A-0", extensions={"code": "NOT_FOUND"})
        return order(int(number.removeprefix("A-")))

    def orders(
        self, info: Any, filter: dict[str, Any] | None = None, first: int = 10, after: str | None = None
    ) -> dict[str, Any]:
        start = 0 if after is None else int(after)
        numbers = range(start + 1, min(start + first, self.count) + 1)
        end = numbers[-1] if numbers else start
        nodes = [order(number) for number in numbers]
        return {
            "nodes": nodes,
            "edges": [{"node": one, "cursor": one["id"]} for one in nodes],
            "pageInfo": {"hasNextPage": end < self.count, "endCursor": str(end)},
        }

    def customers(self, info: Any) -> list[dict[str, Any]]:
        return [order(number)["customer"] for number in range(1, 200)]

    def echo(self, info: Any, text: str | None = None) -> str | None:
        return text

    def secret(self, info: Any) -> str:
        raise GraphQLError("not for you", extensions={"code": "FORBIDDEN"})

    def at(self, info: Any, when: str | None = None) -> str | None:
        return when

    def cancelOrder(self, info: Any, number: str, reason: str) -> dict[str, Any]:
        return {**order(int(number)), "note": reason}

    def changeOrder(self, info: Any, change: dict[str, Any]) -> str:
        return json.dumps(change, sort_keys=True)

"""The connector format, version 1: what `connector.yaml` may say. Values only; `reading` makes them, `linting` judges
what their fields say together.

Names in the file are the model's and the administrator's; `to` is a name on the wire. Expressions are JMESPath, and
read only. There is no other language in it: a template is text with `{name}` in it.
"""

from typing import Annotated, Any, Literal

import msgspec

Type = Literal["string", "integer", "number", "boolean", "array", "object"]
Place = Literal["path", "query", "header", "body", "none"]
"""Where an argument goes. One that goes nowhere is for steps, which look at it."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Transform = Literal["base64_encode", "join_comma", "iso_to_epoch", "markdown_to_adf", "markdown_to_adf_json"]
"""What may be done to an argument on its way out. Nothing else ever runs."""

Style = Literal["page", "offset", "cursor", "link_header", "link_body", "none"]
Plain = str | int | float | bool
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$(?!\n)")]
Told = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Expression = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
HttpsUrl = Annotated[str, msgspec.Meta(pattern=r"^https://[^\s]+$(?!\n)")]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
HeaderName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,100}$(?!\n)")]
"""A header of an answer."""


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every part of the format has in common: it does not change, and nothing unknown is passed over."""


class Variable(_Value, frozen=True):
    """What an administrator may set, such as the address of an installation. Without a `default` it must be set.
    `pattern` (RE2) describes the whole value."""

    help: Told
    pattern: str
    default: str | None = None


class Field(_Value, frozen=True):
    """One part of a credential. A `secret` is given by reference only, and never shown."""

    help: Told
    secret: bool = True


class Auth(_Value, frozen=True):
    """One way to sign in: `headers` are templates over `fields`; `basic` names the two fields of RFC 7617. `test` is a
    harmless tool that shows whether a credential works."""

    id: Id
    title: Told
    fields: dict[Name, Field]
    headers: dict[str, str] = {}
    basic: tuple[str, str] | None = None
    test: str | None = None


class Http(_Value, frozen=True):
    """`base_url` and `allow_hosts` are templates over the variables; `{name.host}` is the host of a variable that is a
    URL. A host is a glob. `timeout` is in seconds, for one request. `redirects` are followed for reading only, and
    never to another origin."""

    base_url: str
    allow_hosts: tuple[str, ...]
    headers: dict[str, str] = {}
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 20.0
    redirects: Literal["none", "same_origin"] = "none"


class RateLimit(_Value, frozen=True):
    """`limited_when` is JMESPath over `status`, `headers` (names in lower case) and `body`, for products that say "too
    many" with another status than 429. `reset` names a header with the moment (Unix time, or ISO 8601) from which calls
    are taken again, or with the seconds until then, as `reset_is` says. `remaining` names one with the calls that are
    left: where it is 0, and after "too many", the product is not asked before `reset`, or Retry-After.

    That holds for the whole `server`, or for each `endpoint` (method and path), as the product counts; where the header
    `bucket` names what an answer counted for, it holds for what has the same name. `per_minute` is for products that
    only say how many calls they take: on average so many go out, a sixth of them at once."""

    limited_when: Expression | None = None
    reset: HeaderName | None = None
    reset_is: Literal["time", "seconds"] = "time"
    remaining: HeaderName | None = None
    bucket: HeaderName | None = None
    counted: Literal["server", "endpoint"] = "server"
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None


class ErrorRule(_Value, frozen=True):
    """Where `when` (as `limited_when`) holds, the answer is an error of this `code`; `hint` tells the model what to
    do. The first that holds counts."""

    when: Expression
    code: Name | None = None
    hint: Told | None = None


class Errors(_Value, frozen=True):
    """`message` is JMESPath to the product's own words in the body of an error. `success_when` must hold for a good
    answer, for products that answer errors with 200."""

    message: Expression = "message"
    success_when: Expression | None = None
    rules: tuple[ErrorRule, ...] = ()


class Pagination(_Value, frozen=True):
    """How a list goes on. `size_param` asks for a number of rows. `position_params` are the query parameters that say
    where: one for `page`, `offset` and `cursor`; for `link_header` those that are taken out of the link `rel="next"`,
    for `link_body` out of the link that the JMESPath `next_link` finds. `next_cursor` is JMESPath to the next cursor,
    `rows` to the rows of an answer. `in: body` is for products that take all this in a JSON body.

    With `none` the product answers all at once. There, and wherever no `size_param` is given, `limit` cuts what was
    answered. `next_path` is the path of the pages after the first, for a product that links to them: in it `{name}` of
    the position parameter stands for the last part of the link that `next_cursor` finds, and no query is sent.

    With `any_origin` a link counts that names another origin, for products with several addresses: its position alone
    is taken, and asked for at the same origin as before."""

    style: Style
    size_param: str | None = None
    position_params: tuple[str, ...] = ()
    next_path: str | None = None
    place: Literal["query", "body"] = msgspec.field(name="in", default="query")
    default: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    first: int = 1
    next_cursor: Expression | None = None
    next_link: Expression | None = None
    rows: Expression = "@"
    any_origin: bool = False


class Each(_Value, frozen=True):
    """What an item of a list becomes in a JSON body: an object with the item under `key`, and what is in `more`."""

    key: Told
    more: dict[str, Any] = {}


class Param(_Value, frozen=True):
    """One argument. `to` is its name on the wire, dotted for a place within a JSON body, where a number is a place in a
    list, as in `notes.0.text`; with `@` an object or a list is the body itself. `multi_segment` lets an argument of the
    path hold `/`, as a file's path does. `prefix` goes before the value on the wire. `pattern` (RE2) describes a whole
    text, and `not_pattern` what must be nowhere in it; `keys` (RE2) describes the names of an object. Two objects for
    one place in a body become one. An `internal` one is not the model's: a step binds it, or it always has its
    `default`, or the value of the connector's `variable`."""

    type: Type
    place: Place = msgspec.field(name="in")
    description: Told | None = None
    to: str | None = None
    required: bool = False
    default: Plain | None = None
    enum: tuple[Plain, ...] = ()
    pattern: str | None = None
    not_pattern: str | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_length: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1000
    items: Literal["string", "integer", "number", "boolean", "object"] | None = None
    max_items: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    keys: str | None = None
    multi_segment: bool = False
    prefix: str = ""
    transform: Transform | None = None
    each: Each | None = None
    """What becomes of each item of a list; the item itself where it is not given."""
    internal: bool = False
    variable: Name | None = None


class Request(_Value, frozen=True):
    """`path` is a template over the arguments in the path. `body` says how those in the body are written,
    `content_type` which JSON it is where that is another than `application/json`."""

    method: Method
    path: Annotated[str, msgspec.Meta(pattern="^/[^?#]*$", max_length=500)]
    body: Literal["json", "form"] | None = None
    content_type: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+/[a-z0-9.+-]{1,90}$")] | None = None
    headers: dict[str, str] = {}
    query: tuple[str, ...] | None = None
    """The arguments of the query that this request takes; all where it is not given."""


class Retry(_Value, frozen=True):
    """Asked again while the answer has this status: at most `times`, after `delay` seconds each."""

    status: Status
    times: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3
    delay: Annotated[float, msgspec.Meta(ge=0, le=5)] = 1.0


class Step(_Value, frozen=True):
    """One request of several. `bind` sets internal arguments, by JMESPath over `args` and the steps before. An answer
    with a status of `absent_on` is null, and the result says that this part is missing unless it is `quiet`."""

    id: Name
    request: Request
    bind: dict[Name, Expression] = {}
    retry_on: Retry | None = None
    absent_on: tuple[Status, ...] = ()
    quiet: bool = False


class Lookup(_Value, frozen=True):
    """What an id stands for, such as a person's name: `request` reads it, with the id as its argument `id`, whose
    `pattern` says what an id is, and with what `use` takes from `shared`; `value` is JMESPath to the text in the
    answer. Texts may hold ids as `marked`, a template with `{id}`; they are then written as `told`, a template with
    `{id}` and `{name}`.

    Answers are kept for so many `seconds`, at most `keep` of them, for one server and its credential alone. For one
    result at most `most` are asked for. An id that cannot be looked up stays as it is."""

    request: Request
    id: Param
    value: Expression
    use: tuple[str, ...] = ()
    marked: Annotated[str, msgspec.Meta(max_length=100)] = ""
    told: Annotated[str, msgspec.Meta(max_length=100)] = ""
    seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 3600
    keep: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    most: Annotated[int, msgspec.Meta(ge=1, le=20)] = 10


class LookedUp(_Value, frozen=True):
    """Where a result holds ids: `members` with an id, each with the member beside it that gets what the id stands for
    unless it has something, and `texts` in which ids are marked; wherever members of these names stand."""

    members: dict[str, str] = {}
    texts: tuple[str, ...] = ()


class Hints(_Value, frozen=True):
    """What a tool does: each said, none guessed."""

    read_only: bool
    destructive: bool = False
    idempotent: bool = False


class Constraint(_Value, frozen=True):
    """What an administrator may narrow: the `value` is a template over arguments, and must match one of the globs that
    they give. `also` are further templates: the first counts whose arguments a tool has. Tools that have those of none
    are then not offered, but for those `exempt`. `beside` are templates that must match too, where their arguments are
    given. Of a value only what stands `before` a character counts. What a step binds is judged before anything is
    written or shown."""

    help: Told
    value: str
    also: Annotated[tuple[str, ...], msgspec.Meta(max_length=10)] = ()
    beside: Annotated[tuple[str, ...], msgspec.Meta(max_length=10)] = ()
    before: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] | None = None
    ignore_case: bool = False
    exempt: tuple[str, ...] = ()


class Example(_Value, frozen=True):
    """Arguments, and the fixture that answers them."""

    args: dict[str, Any]
    fixture: str


class Tool(_Value, frozen=True):
    """One tool: a `request`, or up to six `steps`. `use` takes sets of parameters from the connector's `shared`.
    `result` is JMESPath over the answer (over `args` and the steps' answers by id), or `raw`; a text answer needs
    `response: text`. `drop` names members that are left out of what `result` finds, wherever they stand. `lookups` put
    names to the ids in it, by the connector's lookups. `scopes` are what the credential needs, for people."""

    name: Name
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    description: str
    hints: Hints
    result: Expression
    examples: tuple[Example, ...] = ()
    group: Name | None = None
    scopes: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    params: dict[Name, Param] = {}
    request: Request | None = None
    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=6)] = ()
    response: Literal["json", "text"] = "json"
    drop: tuple[str, ...] = ()
    lookups: dict[Name, LookedUp] = {}
    paginate: bool = False
    pagination: Pagination | None = None


class OAuth(_Value, frozen=True):
    """Each person signs in at the vendor (OAuth 2.1). `client` says how a gateway gets to be a client there: `dcr`
    (RFC 7591), `cimd` (a client ID metadata document), or `preregistered`, by an administrator. URLs that are not given
    are found by RFC 9728 and RFC 8414."""

    client: Literal["dcr", "cimd", "preregistered"]
    scopes: tuple[Told, ...] = ()
    authorize_url: HttpsUrl | None = None
    token_url: HttpsUrl | None = None


class RouteAuth(_Value, frozen=True):
    """One way to sign in at a vendor's own server: `headers`, each one field, or a scheme and one field
    (`Bearer {token}`); `basic` as in Auth; or `oauth`. `steps` are what an administrator of the product does first."""

    id: Id
    title: Told
    fields: dict[Name, Field] = {}
    headers: dict[str, str] = {}
    basic: tuple[str, str] | None = None
    oauth: OAuth | None = None
    steps: tuple[Told, ...] = ()


class Route(_Value, frozen=True):
    """A vendor's own MCP server as another way to the product. `url` is a template over the route's `variables`;
    `read_only` are the headers that hold it to reading."""

    title: Told
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    auth: Annotated[tuple[RouteAuth, ...], msgspec.Meta(min_length=1, max_length=20)]
    docs: HttpsUrl | None = None
    help: Told | None = None
    variables: dict[Name, Variable] = {}
    read_only: dict[str, str] = {}


class Connector(_Value, frozen=True):
    """One product. `connector` is the version of the format. `icon` is a file of its folder; without it there is one of
    the first letters of its title. With the `mode` search there are two tools, one that finds an operation by words and
    one that calls it, and `tools` are the operations; otherwise there are at most 150. `imported_from` names the
    OpenAPI document that it was made of."""

    connector: Literal["v1"]
    id: Id
    title: Told
    description: Annotated[str, msgspec.Meta(min_length=20, max_length=400)]
    http: Http
    tools: Annotated[tuple[Tool, ...], msgspec.Meta(min_length=1, max_length=2000)]
    mode: Literal["tools", "search"] = "tools"
    docs: HttpsUrl | None = None
    imported_from: Told | None = None
    icon: str | None = None
    categories: tuple[str, ...] = ()
    instructions: Told | None = None
    variables: dict[Name, Variable] = {}
    auth: Annotated[tuple[Auth, ...], msgspec.Meta(max_length=20)] = ()
    routes: Annotated[dict[Name, Route], msgspec.Meta(max_length=20)] = {}
    rate_limit: RateLimit = RateLimit()
    errors: Errors = Errors()
    pagination: Pagination | None = None
    constraints: Annotated[dict[Name, Constraint], msgspec.Meta(max_length=50)] = {}
    lookups: Annotated[dict[Name, Lookup], msgspec.Meta(max_length=50)] = {}
    shared: dict[Name, dict[Name, Param]] = {}

    def params(self, tool: Tool) -> dict[str, Param]:
        """All parameters of a tool, those that it uses first."""
        return {**self.used(tool.use), **tool.params}

    def used(self, sets: tuple[str, ...]) -> dict[str, Param]:
        """The parameters of these sets of `shared`."""
        return {name: param for used in sets for name, param in self.shared[used].items()}

    def paging(self, tool: Tool) -> Pagination | None:
        """How this tool's list goes on; None where it is not paged."""
        return (tool.pagination or self.pagination) if tool.paginate else None


def schema() -> dict[str, Any]:
    """The format as JSON Schema (draft 2020-12)."""
    made = msgspec.json.schema(Connector)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Connector, version 1", **made}

"""Words, index and ranking: what is found, in which order, and that nothing hidden changes any of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules.searching import index, ranking, words
from toolgate.rules.searching.index import Document, Segment, Vocabulary
from toolgate.rules.searching.ranking import Outcome, Within
from toolgate.rules.steps import finished


def tool(name: str, description: str = "", parameters: str = "", tags: str = "", title: str = "") -> Document:
    texts = (
        (index.NAME, name),
        (index.TITLE, title),
        (index.TAGS, tags),
        (index.DESCRIPTION, description),
        (index.PARAMETERS, parameters),
    )
    return Document(name, name, texts)


def search(
    segments: Mapping[str, Sequence[Document]] | Sequence[Document],
    query: str,
    *,
    hidden: Mapping[str, int] | None = None,
    limit: int = 100,
    after: tuple[float, str, str] | None = None,
) -> Outcome:
    by_name = segments if isinstance(segments, Mapping) else {"s": segments}
    vocabulary = Vocabulary()
    within: list[Within] = []
    for name, documents in by_name.items():
        segment = index.whole(documents)
        vocabulary.add(segment)
        within.append(Within(name, segment, ((1 << len(documents)) - 1) & ~(hidden or {}).get(name, 0)))
    return finished(ranking.search(within, query, vocabulary, limit=limit, after=after))


def labels(outcome: Outcome) -> list[str]:
    return [one.label for one in outcome.best]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("create_issue", ["create", "issue"]),
        ("getUserById", ["getuserbyid", "get", "user", "by", "id"]),
        ("HTTPServer OAuth2", ["httpserver", "http", "server", "oauth2", "o", "auth2"]),
        ("kebab-case.and/paths", ["kebab", "case", "and", "path"]),
        ("boxes entries status classes issues", ["box", "entry", "status", "class", "issue"]),
        ("Größe CAFÉ Кошки", ["grosse", "cafe", "кошки"]),
        ("検索する", ["検索", "索す", "する"]),
        ("ファイルx", ["ファ", "ァイ", "イル", "x"]),
        ("", []),
        ("!?* _ -", []),
        ("a" * 200, ["a" * words.LONGEST]),
    ],
)
def test_a_text_is_taken_apart(text: str, expected: list[str]):
    assert words.of_text(text) == expected


def test_words_that_say_nothing_count_only_where_there_are_no_others():
    assert [word for word, _ in words.of_query("the list of issues")] == ["list", "issue"]
    assert [word for word, _ in words.of_query("is it")] == ["is", "it"]
    assert words.of_query("GitHub github") == [("github", ("git", "hub"))]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("create issue", "create_issue"),
        ("createIssue", "create_issue"),
        ("issue create", "create_issue"),
        ("issues", "create_issue"),
        ("refund money", "refund"),
        ("money back", "refund"),
        ("iban", "transfer"),
        ("finance", "transfer"),
        ("kreate isue", "create_issue"),
        ("tranfser", "transfer"),
        ("ISS", "create_issue"),
    ],
)
def test_the_tool_that_is_meant_comes_first(query: str, first: str):
    tools = [
        tool("create_issue", "Opens a ticket in the tracker", "title body"),
        tool("list_comments", "Lists the comments under an issue", "issue"),
        tool("refund", "Gives money back to a customer", "order amount"),
        tool("transfer", "Sends an amount to an account", "iban amount", tags="finance"),
        tool("delete_file", "Removes a file for ever", "path"),
    ]
    assert labels(search(tools, query))[0] == first


def test_a_word_in_the_name_says_more_than_one_in_the_text_and_the_very_name_most():
    tools = [
        tool("weather", "Rain"),
        tool("weather_report_archive", "Rain"),
        tool("forecast", "The weather of tomorrow"),
        tool("sunrise", "When the sun rises", parameters="weather"),
    ]
    found = labels(search(tools, "weather"))
    assert found[:2] == ["weather", "weather_report_archive"]
    assert set(found[2:]) == {"forecast", "sunrise"}


def test_what_has_all_words_comes_before_what_has_one_of_them():
    tools = [tool("a", "invoice invoice invoice"), tool("b", "send an invoice to the customer"), tool("c", "customer")]
    assert labels(search(tools, "customer invoice"))[0] == "b"


def test_near_words_are_taken_only_where_nothing_has_the_word():
    tools = [tool("read_file", "Reads"), tool("head", "The beginning of a file"), tool("lead", "A lead")]
    found = search(tools, "read")
    assert (labels(found), found.near) == (["read_file"], {})
    found = search(tools, "raed")
    assert (labels(found), found.near) == (["read_file"], {"raed": ("read",)})
    assert search(tools, "xyz").total == 0


def test_pages_follow_each_other_without_a_gap_or_a_repeat():
    tools = [
        tool(f"tool_{number:03}", "Reads a file" if number % 3 else "Reads a file, and a file") for number in range(50)
    ]
    whole = search(tools, "file reads")
    assert whole.total == 50
    pages: list[str] = []
    after = None
    while True:
        page = search(tools, "file reads", limit=7, after=after)
        assert page.total == 50
        pages += labels(page)
        if not page.more:
            break
        after = (page.best[-1].rank, page.best[-1].name, page.best[-1].label)
    assert pages == labels(whole)
    assert all(one <= other for one, other in pairwise(whole.best))


WORDS = st.sampled_from(
    ["read", "reads", "raed", "file", "fiel", "files", "issue", "create", "list_file", "getUser", "x"]
)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map("_".join)
TEXTS = st.lists(WORDS, max_size=5).map(" ".join)
DOCUMENTS = st.lists(st.tuples(NAMES, TEXTS, TEXTS), max_size=6).map(
    lambda found: [tool(f"{number}_{name}", text, parameters) for number, (name, text, parameters) in enumerate(found)]
)
QUERIES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)


@given(mine=DOCUMENTS, hidden=DOCUMENTS, beside=DOCUMENTS, query=QUERIES)
def test_what_is_hidden_changes_nothing(
    mine: list[Document], hidden: list[Document], beside: list[Document], query: str
):
    """Neither documents of the same server nor whole servers that do not count: no order, rank, total or near word."""
    alone = search({"mine": mine}, query)
    masked = ((1 << len(hidden)) - 1) << len(mine)
    both = {"mine": [*mine, *hidden], "other": beside}
    told = search(both, query, hidden={"mine": masked, "other": (1 << len(beside)) - 1})
    assert told == alone


@given(documents=DOCUMENTS, others=DOCUMENTS, query=QUERIES, masks=st.tuples(st.integers(0, 63), st.integers(0, 63)))
def test_nothing_is_found_that_does_not_count(
    documents: list[Document], others: list[Document], query: str, masks: tuple[int, int]
):
    hidden: dict[str, int] = {"a": masks[0], "b": masks[1]}
    found = search({"a": documents, "b": others}, query, hidden=hidden)
    assert all(not hidden[one.name] >> one.place & 1 for one in found.best)
    assert found.total == len(found.best) == len({(one.name, one.place) for one in found.best})


@given(documents=DOCUMENTS, query=QUERIES)
def test_everything_that_holds_a_word_is_found(documents: list[Document], query: str):
    asked = [word for word, _ in words.of_query(query)]
    holding = {
        document.label
        for document in documents
        if any(term.startswith(word) if len(word) > 1 else term == word for word in asked for term in terms(document))
    }
    assert holding <= set(labels(search(documents, query)))


def terms(document: Document) -> Sequence[str]:
    segment: Segment = index.whole([document])
    return segment.terms


def test_a_vocabulary_forgets_what_no_segment_has_any_more():
    vocabulary = Vocabulary()
    one, other = index.whole([tool("read_file")]), index.whole([tool("read_mail")])
    vocabulary.add(one)
    vocabulary.add(other)
    vocabulary.drop(one)
    assert "read" in vocabulary
    assert "file" not in vocabulary
    vocabulary.drop(other)
    assert len(vocabulary) == 0


def test_places_without_a_document_stay_empty():
    segment = index.whole([None, tool("read_file"), None, tool("read_mail")])
    vocabulary = Vocabulary()
    vocabulary.add(segment)
    found = finished(ranking.search([Within("s", segment, 0b1010)], "read", vocabulary, limit=10))
    assert sorted(one.place for one in found.best) == [1, 3]

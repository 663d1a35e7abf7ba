"""What Toolgate promises, as data: an id, who asks for it, and the promise itself in one sentence.

A test keeps a promise by naming it: `@pytest.mark.promise("house.floors")`. tests/house/test_promises.py fails when a
promise has no test, or when a test names a promise that is not here. An id is `area.what-holds`, in lower case.
"""

from typing import NamedTuple


class Promise(NamedTuple):
    """`source` is where the promise comes from: a section of the specification, an RFC, a page of docs/."""

    source: str
    text: str


PROMISES: dict[str, Promise] = {
    "house.floors": Promise(
        "docs/explanation/architecture.md", "A floor imports only floors below it; the inner floors know no framework."
    ),
    "house.small-pieces": Promise(
        "docs/explanation/architecture.md",
        "No file above 400 lines, no function above 50, no import inside a function, no vague module name.",
    ),
    "house.licences": Promise("README.md", "Nothing that is installed with Toolgate has a copyleft licence."),
    "house.clean-tree": Promise(
        "README.md", "The repository holds no secret, no machine's path, no registry's address."
    ),
    "house.pinned": Promise("pyproject.toml", "Every dependency, direct or not, is pinned to one version."),
    "platforms.import": Promise(
        "README.md", "Every module can be imported where fcntl, resource, pwd, grp, termios and uvloop do not exist."
    ),
    "docs.run": Promise(
        "docs/README.md", "Every command, program and configuration in the documentation is run by a test."
    ),
}

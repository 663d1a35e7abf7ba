"""Promises of agents; a part of `tests.promises.PROMISES`."""

AGENTS: dict[str, tuple[str, str]] = {
    "agents.skills": (
        "docs/how-to/agents.md",
        "An agent's skills are tools, whether it speaks A2A 0.2, 0.3 or 1.0; what it makes is text, data and files.",
    ),
    "agents.handles": (
        "docs/how-to/agents.md",
        "What takes longer than a call, or asks something, is gone on with by a handle that serves only who got it.",
    ),
    "agents.progress": (
        "docs/how-to/agents.md",
        "What an agent streams is progress for callers that asked for some, and a call taken back is canceled there.",
    ),
    "agents.confined": (
        "docs/how-to/agents.md",
        "Messages and the credential go where the card is, or where you said; a card cannot send them elsewhere.",
    ),
    "agents.told": (
        "docs/how-to/agents.md",
        "An agent that fails, floods, hangs or lies ends a call within its time, with what to do about it.",
    ),
}

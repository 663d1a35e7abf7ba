"""The tools of this kind, in groups; each is a row, and a new group is one import and one name here."""

from toolgate.upstreams.filesystem.settings import Settings
from toolgate.upstreams.filesystem.tools import documents, finding, reading, writing
from toolgate.upstreams.filesystem.tools.tool import Tool

ALL: tuple[Tool, ...] = (*reading.TOOLS, *documents.TOOLS, *finding.TOOLS, *writing.TOOLS)


def offered(settings: Settings) -> dict[str, Tool]:
    """Those that there is anything to do for, by name."""
    writable = any(root.writable for root in settings.roots)
    return {
        tool.name: tool
        for tool in ALL
        if (writable or not tool.writes) and (tool.offered is None or tool.offered(settings))
    }

"""The commands, by name: the module that holds each, and its line in `toolgate --help`. Loads nothing else."""

from typing import NamedTuple


class Entry(NamedTuple):
    """`module` is a name within this package; it is imported when the command is run."""

    module: str
    line: str


BRIDGE = "bridge"
"""The one command that runs without this table's framework: clients start it once per session and wait for it."""

DEFAULT = "up"

COMMANDS = {
    "up": Entry("up", "Serve what toolgate.yaml declares, or a small demo."),
    "check": Entry("check", "Say what is wrong with a toolgate.yaml."),
    "tools": Entry("tools", "List the tools that the key may use."),
    "search": Entry("search", "Find servers and tools by words."),
    "call": Entry("call", "Call one tool."),
    "calls": Entry("calls", "Show what was called lately, and what is being called."),
    "doctor": Entry("doctor", "Find out what is wrong with this installation, and how to repair it."),
    "import": Entry("importing", "Take the servers that your clients have into toolgate.yaml."),
    "connect": Entry("connect", "Have your clients use this gateway."),
    "catalog": Entry("catalog.program", "Add GitHub, Slack, Jira and other products as servers."),
    "server": Entry("records.server", "Register servers, change them, pause and retire them."),
    "virtual": Entry("records.virtual", "Make virtual servers out of what servers offer."),
    "tool": Entry("records.tool", "Show tools of servers, and say what their servers do not."),
    "team": Entry("records.team", "Make teams, and change who is in them."),
    "user": Entry("records.user", "Add people."),
    "service": Entry("records.service_account", "Make accounts for programs."),
    "key": Entry("key", "Make, rotate and revoke keys."),
    "role": Entry("records.role", "Make roles of permissions."),
    "binding": Entry("records.binding", "Give roles to people, programs and teams."),
    "group": Entry("records.group", "Map external groups to teams."),
    "grant": Entry("records.grant", "Allow and deny calls."),
    "secret": Entry("records.secret", "Keep secrets for servers."),
    "plan": Entry("gitops.plan", "Show what applying files of records would do."),
    "apply": Entry("gitops.apply", "Make the records what files say."),
    "export": Entry("gitops.export", "Write records as a file that declares them."),
    "backup": Entry("backup", "Write the whole installation into one file."),
    "restore": Entry("restore", "Make a backup the installation again."),
    "db": Entry("db", "Look after the database: status, migrate, copy."),
    "stdio": Entry("stdio", "Serve one local client over standard input and output."),
    "bridge": Entry("bridge.program", "Connect a client that speaks only stdio to a Toolgate elsewhere."),
}

"""The page of commands, from the command line's own declarations."""

from typing import Any

import typer
from scripts.reference.markdown import code, head, shown, table, text_of

from commonwatt.__main__ import doors
from commonwatt.cli import app
from commonwatt.cli.endings import EXIT_CODES

TEXT = """
Every command takes `--help`. FILE is a community's folder or the TOML file in it; DIR is a folder.
What a command is about goes to standard output; progress, notes and faults go to standard error.
"""

_PLAIN = str.maketrans("", "", "{}")
"""Typer puts names into braces or not, by what ran before in the process."""


def page() -> str:
    """The page, as Markdown."""
    commands = all_commands()
    lines = head("Commands", "the command line itself", TEXT)
    rows = ((f"[`{name}`](#{name})", c.short_help or c.help.partition(".")[0] + ".") for name, c in commands.items())
    lines += table(("command", "does"), rows)
    lines += ["## Exit codes", "", *table(("code", "meaning"), ((code(k), v) for k, v in EXIT_CODES.items()))]
    lines += ["What ends with which code is on the page of [errors](errors.md).", ""]
    for name, command in commands.items():
        lines += _command(name, command)
    return text_of(lines)


def all_commands() -> dict[str, Any]:
    """Every command of every door by name."""
    whole = typer.Typer()
    whole.registered_commands = [*app.registered_commands]
    for door in doors():
        door.register(whole)
    commands: dict[str, Any] = typer.main.get_command(whole).commands  # type: ignore[attr-defined]
    return commands


def _command(name: str, command: Any) -> list[str]:
    context = command.make_context(f"commonwatt {name}", [], resilient_parsing=True)
    usage = " ".join(piece.translate(_PLAIN) for piece in command.collect_usage_pieces(context))
    example = command.epilog.partition("Example:")[2].strip("\b\n ")
    rows = []
    for parameter in command.params:
        value = parameter.metavar or parameter.name.upper()
        is_option = parameter.opts[0].startswith("--")
        takes = value if is_option and not getattr(parameter, "is_flag", False) else ""
        shown_as = f"{parameter.opts[0] if is_option else value} {takes}"
        rows.append((code(shown_as.strip()), _default(parameter), parameter.help))
    return [
        *("## " + name, "", "```", f"commonwatt {name} {usage}", "```", ""),
        *(" ".join(line.strip() for line in part.splitlines()) + "\n" for part in command.help.split("\n\n")),
        *table(("argument or option", "default", "meaning"), rows),
        *("Example:", "", "```", example, "```", ""),
    ]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default in (None, False, ()):
        return ""
    value = parameter.default
    return shown(value) if isinstance(value, int | float) else code(value)

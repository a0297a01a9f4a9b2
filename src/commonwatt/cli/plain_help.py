"""Help without the types of Python: an argument is called what it is, and its help says what it takes."""

import re
from typing import Any

import typer
from typer.core import TyperCommand

_TYPE = re.compile(r" <[^<>]*>$")
_KINDS = {"argument": "Arguments", "option": "Options"}


class PlainCommand(TyperCommand):
    """A command whose help names what a person types."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`DIR` rather than `{DIR}`."""
        return [re.sub(r"^\{(.*)\}", r"\1", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then options, each with its help."""
        for kind, title in _KINDS.items():
            records = [p.get_help_record(ctx) for p in self.get_params(ctx) if p.param_type_name == kind]
            rows = [(_TYPE.sub("", name), text) for name, text in filter(None, records)]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def speak_plainly(app: typer.Typer) -> None:
    """Let every command that was added so far have such help."""
    for command in app.registered_commands:
        command.cls = PlainCommand

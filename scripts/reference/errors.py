"""The page of errors: the error tree with exit codes, and every reason with which a contract reverts."""

from typing import Final

from scripts.reference.markdown import code, head, table, text_of
from scripts.reference.natspec import contract

from commonwatt.cli.endings import BAD_INPUT, EXIT_CODES, INTERRUPTED, exit_code
from commonwatt.contracts import names
from commonwatt.core import errors
from commonwatt.core.errors import CommonwattError

TEXT = """
Nothing is half done when a command fails, and no fault is shown as a traceback (if you see one, it is a defect: please report it).
What is wrong with input is said in [findings](findings.md), all at once.
"""
TO_DO: Final = {
    "CommonwattError": "",
    "InvalidInput": "Mend what the findings name, then call again; nothing was written.",
    "VerificationFailed": "Do not rely on the run; keep its folder. The message says what was compared.",
    "ConservationBroken": "As above; the run stopped before anything of the slot was posted and can be resumed with a mended answer.",
    "LedgerDisagrees": "As above; what was refused is in the journal and refused again on `--resume`: mend the cause, run into another folder.",
    "SlotFailed": "Nothing: the slot was settled with the supplier, the run went on and its report lists it.",
    "BrokenPromise": "Use another answer for the room that the message names, or report the defect to its author.",
    "JournalError": "Resume with the same input, key file and version, or begin a new run with another `--out`.",
    "LedgerError": "The journal is whole: mend what the message names, then `--resume`.",
    "DepositShort": "Pay in: `commonwatt run FILE --out DIR --resume --top-up AMOUNT`; the slot waited without a trace.",
    "MissingExtra": "Install the package that the message names.",
}


def page() -> str:
    """The page, as Markdown."""
    lines = head("Errors", "the error tree, the exit codes and the contracts' sources", TEXT)
    lines += ["## Exit codes", "", *table(("code", "meaning"), ((code(k), v) for k, v in EXIT_CODES.items()))]
    lines += ["## The error tree", "", "Indented under what it is a kind of.", ""]
    lines += table(("error", "also a", "exit code", "when", "what to do"), _tree(CommonwattError, 0))
    lines += [
        f"Beside these: a disk that is full or a file that cannot be read ends with {BAD_INPUT} (the journal is whole up to the last "
        f"finished step), Ctrl-C with {INTERRUPTED}.",
        "",
    ]
    text = "Why a transaction was refused. The reason's first word is the contract; *must hold* is the condition in its source."
    return text_of([*lines, "## Revert reasons", "", text, "", *_reverts()])


def classes() -> list[type[CommonwattError]]:
    """Every error class, a class before those below it."""
    known = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, CommonwattError)]
    return [cls for cls in known if cls.__module__ == errors.__name__]


def _tree(cls: type[CommonwattError], depth: int) -> list[tuple[str, str, str, str, str]]:
    builtin = ", ".join(
        base.__name__ for base in cls.__bases__ if base.__module__ == "builtins" and base is not Exception
    )
    when = (cls.__doc__ or "").strip().splitlines()[0]
    name = "&nbsp;&nbsp;&nbsp;&nbsp;" * depth + code(cls.__name__)
    # A failed slot is recorded, not raised to the end of a command.
    ends = "" if issubclass(cls, errors.SlotFailed) else code(exit_code(cls))
    if cls.__name__ not in TO_DO:
        raise LookupError(f"expected TO_DO of scripts/reference/errors.py to say what to do about {cls.__name__}")
    rows = [(name, code(builtin), ends, when, TO_DO[cls.__name__])]
    for below in classes():
        if below.__bases__[0] is cls:
            rows += _tree(below, depth + 1)
    return rows


def _reverts() -> list[str]:
    rows = []
    for name in names():
        one = contract(name)
        reasons: dict[str, tuple[list[str], list[str]]] = {}
        for function in one.functions.values():
            if function.is_external or "deploy" in function.decorators:
                for reason, conditions in one.reverts_of(function.name).items():
                    called, held = reasons.setdefault(reason, ([], []))
                    called.append(function.name.replace("__init__", "creation"))
                    held += [condition for condition in conditions if condition not in held]
        for reason, (called, held) in sorted(reasons.items()):
            rows.append((code(reason), ", ".join(map(code, called)), "; ".join(map(code, held))))
    return table(("reason", "functions", "must hold"), rows)

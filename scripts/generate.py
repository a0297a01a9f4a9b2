"""Write what is generated from the code: the reference of settings and the example's community file. Tests hold both to it."""

import tomllib
from pathlib import Path

from commonwatt.settings.reference import settings_reference
from commonwatt.settings.written import community_toml

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write both files anew; values that the example sets are kept."""
    (ROOT / "docs/reference/settings.md").write_text(settings_reference(), encoding="utf-8")
    example = ROOT / "examples/fontana/community.toml"
    text = example.read_text(encoding="utf-8")
    given = tomllib.loads(text)
    given.pop("members")
    intro = " ".join(line.lstrip("# ") for line in text.partition("\n\n")[0].splitlines())
    example.write_text(community_toml(given, intro), encoding="utf-8")


if __name__ == "__main__":
    main()

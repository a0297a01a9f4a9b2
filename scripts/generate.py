"""Write what is generated from the code (`make generate`): the reference pages, the example's community file and the verifier of bills."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.make_verifier import TARGET, verifier_source  # noqa: E402 - found from wherever this is called
from scripts.reference import PAGES  # noqa: E402 - found from wherever this is called

from commonwatt.settings.written import community_toml  # noqa: E402


def files() -> dict[Path, str]:
    """Every generated file with what it should hold; values that the example sets are kept."""
    pages = {ROOT / f"docs/reference/{name}.md": page() for name, page in PAGES.items()}
    example = ROOT / "examples/fontana/community.toml"
    text = example.read_text(encoding="utf-8")
    given = tomllib.loads(text)
    given.pop("members")
    intro = " ".join(line.lstrip("# ") for line in text.partition("\n\n")[0].splitlines())
    return {**pages, example: community_toml(given, intro), TARGET: verifier_source()}


def main() -> None:
    """Write the files anew and name those that changed."""
    for path, text in files().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

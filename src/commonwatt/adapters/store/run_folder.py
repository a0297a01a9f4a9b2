"""The folder of a run: where every file is, written whole or not at all, with a manifest of what is public."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from commonwatt.adapters.feeder_file import FEEDER
from commonwatt.adapters.store.files import read_json, write_json, write_text
from commonwatt.adapters.store.table_files import TableFiles
from commonwatt.core.determinism import merkle_root
from commonwatt.core.errors import InvalidInput, require
from commonwatt.core.findings import Finding
from commonwatt.services.ports import Head
from commonwatt.services.schemas import PUBLIC, SCHEMAS

MANIFEST = "manifest.json"
CHAIN = "chain.sqlite"
SETTINGS = "settings.toml"
INPUTS = "inputs.json"
_CSV = frozenset(f"{name}.csv" for name in PUBLIC)
KNOWN_FILES = frozenset({MANIFEST, CHAIN, SETTINGS, INPUTS, FEEDER, *_CSV, *(f"{name}.parquet" for name in PUBLIC)})
"""Everything that a run writes into its public folder."""
UNDER_NO_ROOT = frozenset({MANIFEST, CHAIN, *_CSV})
"""Public files that are not under the anchored root: they hold it, or repeat a table (an audit compares them)."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run's files."""

    root: Path

    @property
    def public(self) -> Path:
        """What an auditor gets."""
        return self.root / "public"

    @property
    def members(self) -> Path:
        """A folder a member: their own orders, readings, bill."""
        return self.root / "members"

    @property
    def private(self) -> Path:
        """The operator's."""
        return self.root / "private"

    @property
    def journal(self) -> Path:
        """The journal of finished half slots."""
        return self.private / "journal.sqlite"

    @property
    def lock(self) -> Path:
        """Held by the process that works here."""
        return self.private / "journal.lock"

    @property
    def has_results(self) -> bool:
        """Whether a journal was written here at some time: what comes of it is there."""
        return self.live_chain.exists() or self.public.exists() or self.members.exists()

    @property
    def live_chain(self) -> Path:
        """The chain while the run goes on."""
        return self.private / CHAIN

    @property
    def settings(self) -> Path:
        """The effective settings, so that a member can watch a run that is not finished."""
        return self.private / SETTINGS

    @property
    def pseudonyms(self) -> Path:
        """The operator's map from members' names to pseudonyms."""
        return self.private / "pseudonyms.json"

    @property
    def suppliers(self) -> Path:
        """The names of members' own suppliers by pseudonym; no file where nobody has one."""
        return self.private / "suppliers.json"

    @property
    def is_begun(self) -> bool:
        """Whether a run was begun here; its key file was made before its journal."""
        return self.journal.exists()

    def prepare(self, resume: bool) -> tuple[Path, ...]:
        """Make the folder; refuse one that holds something else, or a run that was not to be resumed. Returns the folders made, inner first.

        Raises:
            InvalidInput: not empty and `resume` is off, or something that is no run.

        """
        try:
            require(self._findings(resume))
            made = tuple(p for p in (self.private, self.root, *self.root.parents) if not p.exists())
            self.private.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                [Finding(str(self.root), "a folder that can be written", error.strerror or str(error))]
            ) from error
        return made

    def _findings(self, resume: bool) -> list[Finding]:
        where = str(self.root)
        if self.root.exists() and not self.root.is_dir():
            return [Finding(where, "a folder for the results", "a file")]
        if not self.root.is_dir() or not any(self.root.iterdir()):
            return []
        if not resume:
            return [
                Finding(
                    where, "an empty or new folder (another --out, or --resume to go on with this run)", "files in it"
                )
            ]
        # A run that was killed before its first step leaves folders and the lock, which is as good as nothing.
        left = [p for p in self.root.rglob("*") if p.is_file() and p != self.lock]
        if left and not self.is_begun:
            return [Finding(where, "a run to resume (private/journal.sqlite)", "a folder without one")]
        return []

    def table_files(self, csv: bool) -> TableFiles:
        """The public tables as files that grow; with CSV twins on demand."""
        return TableFiles(self.public, csv)

    def write_texts(self, texts: Mapping[str, str]) -> bytes:
        """Write the public texts (file name -> content) beside the tables; returns the Merkle root over all files."""
        for name, text in texts.items():
            write_text(self.public / name, text)
        return files_root(file_hashes(self.public))

    def write_manifest(self, head: Head) -> None:
        """Say what the public files are: their hashes, their root, where the chain stands, whose contracts they are."""
        hashes = file_hashes(self.public)
        manifest = {
            "format": 1,
            "files": hashes,
            "root": files_root(hashes).hex(),
            "chain_head": {"number": head.number, "hash": head.block_hash},
            "operator": head.operator,
            "code_hashes": dict(sorted(head.code_hashes.items())),
        }
        write_json(self.public / MANIFEST, manifest)


def file_hashes(public: Path) -> dict[str, str]:
    """SHA-256 of every public file of a run but the manifest, by name, sorted; what else lies there is no file of the run."""
    names = sorted(name for name in KNOWN_FILES - {MANIFEST} if (public / name).is_file())
    return {name: hashlib.sha256((public / name).read_bytes()).hexdigest() for name in names}


def files_root(hashes: Mapping[str, str]) -> bytes:
    """Merkle root over `name hash` of the files in order of name; of a CSV file not, it repeats its table, and the chain holds the root."""
    rooted = (f"{name} {digest}".encode() for name, digest in sorted(hashes.items()) if name not in UNDER_NO_ROOT)
    return merkle_root(list(rooted))


def read_public(public: Path) -> dict[str, pa.Table]:
    """The public tables.

    Raises:
        InvalidInput: a file is missing, cannot be read or lacks a column, all findings at once.

    """
    tables, found = {}, []
    for name in PUBLIC:
        path = public / f"{name}.parquet"
        try:
            table = pq.read_table(path)
            missing = [c for c in SCHEMAS[name].names if c not in table.column_names]
            if missing:
                found.append(
                    Finding(str(path), f"the columns {', '.join(SCHEMAS[name].names)}", f"no {', '.join(missing)}")
                )
            else:
                tables[name] = table.select(SCHEMAS[name].names).cast(SCHEMAS[name])
        except (OSError, pa.ArrowException) as error:
            found.append(Finding(str(path), "a Parquet table", _why(path, error)))
    require(found)
    return tables


def _why(path: Path, error: Exception) -> str:
    """Why a file of a run cannot be used, without the words of Python."""
    if not path.exists():
        return "no such file (a folder half copied, or of another version)"
    return f"another ({(str(error).splitlines() or [''])[0]})"


def read_names(path: Path) -> dict[str, str]:
    """A private table of a run from text to text: pseudonyms, suppliers, origins; empty where there is no such file.

    Raises:
        InvalidInput: something else than a run writes.

    """
    try:
        table = read_json(path) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise InvalidInput([Finding(str(path), "JSON, as a run writes it", _why(path, error))]) from error
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        require([Finding(str(path), "JSON, as a run writes it", "other JSON")])
    return table


def read_manifest(public: Path) -> dict[str, Any]:
    """The manifest.

    Raises:
        InvalidInput: missing or no manifest.

    """
    path = public / MANIFEST
    try:
        manifest: dict[str, Any] = read_json(path)
        texts = [manifest["root"], manifest["operator"], manifest["chain_head"]["hash"]]
        texts += [*manifest["files"].values(), *manifest["code_hashes"].values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput([Finding(str(path), "the manifest of a finished run", _why(path, error))]) from error
    if not all(isinstance(text, str) for text in texts):
        require([Finding(str(path), "hashes and addresses as text", "something else")])
    return manifest

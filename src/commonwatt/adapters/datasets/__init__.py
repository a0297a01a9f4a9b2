"""The data that ships with the package: 17 measured homes, and the example community made from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commonwatt.core.errors import CommonwattError

if TYPE_CHECKING:
    import pyarrow as pa

_HERE = Path(__file__).resolve().parent


class DatasetMissing(CommonwattError, FileNotFoundError):  # noqa: N818 - reads as a sentence where it is raised
    """Bundled data is not where this installation should have it."""


def homes17() -> pa.Table:
    """One year of 17 homes in Fontana, California, hour by hour: 148 920 rows, ordered by home, then by start.

    Columns: `start` (timestamp, ms, UTC: beginning of the hour), `home` (`h01` to `h17`), `load_wh` and `pv_wh` (int32, Wh
    in the hour, never negative; `pv_wh` is AC). The year runs from 2016-08-01 07:00 to 2017-08-01 07:00 UTC, which is local
    midnight to local midnight.
    The schema's metadata `pv_w` is JSON: home to nominal PV power, W.
    Source, licence and known faults: `LICENSES.md` beside this file and `docs/explain/data.md`.
    """
    import pyarrow.parquet as pq

    path = _HERE / "homes17.parquet"
    if not path.is_file():
        raise DatasetMissing(f"expected the bundled data set at {path}, was absent: install the package again")
    return pq.read_table(path)


def example_folder() -> Path:
    """The folder of the example community `fontana`: inside an installed package or, in a checkout, `examples/fontana`.

    Raises DatasetMissing when neither is there.
    """
    return _first_example((_HERE / "fontana", _HERE.parents[3] / "examples" / "fontana"))


def _first_example(folders: tuple[Path, ...]) -> Path:
    for folder in folders:
        if (folder / "members.csv").is_file():
            return folder
    places = " or ".join(str(folder) for folder in folders)
    raise DatasetMissing(f"expected the example community at {places}, was absent: install the package again")

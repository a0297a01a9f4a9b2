"""Audit of exchanges: only a run that says that it belongs to a federation trades with other communities."""

import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.findings import Finding
from commonwatt.core.records import WITH_OTHERS
from commonwatt.services.audit.base import Check
from commonwatt.services.audit.entries import Claimed

_NAME = "what crossed to other communities"


def check_exchanges(claimed: Claimed) -> Check:
    """Nothing crosses where a run is by itself; where it belongs to a federation, what crossed is said to need the others' folders.

    The postings of an exchange lift what the mechanism clears between, and only other communities' orders can show that it is not invented.
    """
    tables, federation = claimed.audited.public.tables, claimed.federation
    if federation:
        whose = f"this run belongs to the federation {federation!r}; only an audit of the federation's folder holds what crossed against the other communities"
        return Check(_NAME, 0, "rows", skipped=whose)
    invented = (
        ("postings", "kind", tables["postings"]["kind"], "exchange"),
        ("trades", "round", tables["trades"]["round"], WITH_OTHERS),
    )
    found = [
        Finding(
            f"{table} slot {slot} {column}", "nothing that crosses: by inputs.json the run is by itself", str(value)
        )
        for table, column, values, value in invented
        for slot in _slots(tables[table], pc.equal(values, value))
    ]
    rows = sum(tables[table].num_rows for table, _, _, _ in invented)
    return Check(_NAME + ": nothing, the run is by itself", rows, "rows", tuple(found))


def _slots(table: pa.Table, rows: pa.ChunkedArray) -> list[int]:
    return sorted(set(table["slot"].filter(rows).to_pylist()))

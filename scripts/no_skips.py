"""A pytest plug-in for CI: a skipped test fails the run, because what is skipped is not checked."""

from typing import Any


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:
    """Turn a green run with skips red."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and exitstatus == 0:
        print(f"{skipped} tests were skipped; in CI nothing is")
        session.exitstatus = 1

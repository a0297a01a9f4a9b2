#!/bin/sh
# Resolve pyproject.toml again into the two lock files (hashes, all platforms, Python 3.11 and later).
# The development set is resolved first and constrains the base set, so that one environment can hold both.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
common="--universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet"
# shellcheck disable=SC2086
"$uv" pip compile pyproject.toml $common --extra dev -o requirements-dev.lock
# shellcheck disable=SC2086
"$uv" pip compile pyproject.toml $common -c requirements-dev.lock -o requirements.lock

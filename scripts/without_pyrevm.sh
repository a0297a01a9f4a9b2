#!/bin/sh
# Prove in a second environment that the package works where pyrevm cannot be installed: one day, audited, on py-evm.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=.venv/bin/python
"$python" -m venv "$folder/venv"
"$python" scripts/lock_without.py pyrevm requirements.lock > "$folder/requirements.lock"
.venv/bin/uv pip install --quiet --python "$folder/venv/bin/python" --require-hashes -r "$folder/requirements.lock"
.venv/bin/uv pip install --quiet --python "$folder/venv/bin/python" --no-deps .
if "$folder/venv/bin/python" -c 'import pyrevm' 2>/dev/null; then
    echo "expected an environment without pyrevm" >&2
    exit 1
fi
cd "$folder"
"$folder/venv/bin/commonwatt" init mine
"$folder/venv/bin/commonwatt" run mine --from 2017-05-08 --to 2017-05-09 --out day
"$folder/venv/bin/commonwatt" audit day/public

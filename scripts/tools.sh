#!/bin/sh
# What only the full tests need. Today everything they need is in requirements-dev.lock, which `make` installs before this runs;
# programs that no Python package carries (an EVM node, a broker, a browser) are added here with the tests that start them.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python -c "import boa, vyper, pytest, hypothesis" && echo "tools: everything the full tests need is installed"

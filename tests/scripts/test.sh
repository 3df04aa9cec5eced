#!/usr/bin/env bash
# Everything that `make test` promises; prints each stage's seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/scripts/stage.sh

stage prepare bash tests/scripts/prepare.sh test
stage build cargo build --workspace --bins
stage "build tests" cargo test --workspace --no-run
stage tests cargo test --workspace
stage "python client" bash tests/scripts/python-client.sh

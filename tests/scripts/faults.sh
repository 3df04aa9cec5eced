#!/usr/bin/env bash
# The long form of the fault tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/scripts/stage.sh
stage prepare bash tests/scripts/prepare.sh test
stage build cargo build --workspace --bins
stage "build tests" cargo test --workspace --no-run
CHIT_FAULT_ROUNDS=${ROUNDS:-20} stage faults cargo test -p chit-tests --test suite -- faults --nocapture --test-threads 1

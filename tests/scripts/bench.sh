#!/usr/bin/env bash
# Figures, one JSON line a measure: `bench.sh [quick|full] [MEASURE…]`. BENCH_TRACE names the recorded hour.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash tests/scripts/prepare.sh test
cargo build --release --workspace --bins
exec target/release/bench "$@"

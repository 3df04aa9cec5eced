#!/usr/bin/env bash
# What `make run` does: build, start all services on a fresh embedded store, replay 500 recorded requests, show the
# sums, keep serving until Ctrl-C. LISTEN=127.0.0.1:0 takes a free port; RUN_ONCE=1 stops after the summary.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash tests/scripts/prepare.sh run

chit=${CARGO_TARGET_DIR:-target}/debug/chit
[ -x "$chit" ] || echo "The first build takes about 5 minutes on two cores; later ones take seconds."
cargo build --package chit

mkdir -p .data
data=$(mktemp -d .data/run.XXXXXX)
server=
stop() {
  trap - EXIT INT TERM
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$data"
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

"$chit" dev --data-dir "$data/store" --listen "${LISTEN:-127.0.0.1:7400}" >"$data/dev.txt" &
server=$!
address=
for _ in $(seq 300); do
  address=$(grep -oE '127\.0\.0\.1:[0-9]+' "$data/dev.txt" | head -n 1 || true)
  if [ -n "$address" ]; then break; fi
  kill -0 "$server" 2>/dev/null || { server=; exit 1; }
  sleep 0.1
done
[ -n "$address" ] || { echo "chit dev did not start within 30 seconds" >&2; exit 1; }

echo
echo "Replaying 500 requests of a recorded hour of LLM traffic (Azure Public Dataset, CC-BY 4.0) …"
"$chit" replay tests/data/azure_llm_conversation_500.csv --server "$address"
echo
cat "$data/dev.txt"
[ -z "${RUN_ONCE:-}" ] || exit 0
wait "$server"

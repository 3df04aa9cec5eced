#!/usr/bin/env bash
# A client generated from the protos by stock tools, against the real executable on a fresh store.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --workspace
data=$(mktemp -d)
log=$data/server.log
target/debug/chit dev --data-dir "$data/store" --listen 127.0.0.1:0 >"$log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$data"' EXIT
address=
for _ in $(seq 100); do
  address=$(grep -oE '127\.0\.0\.1:[0-9]+' "$log" | head -n 1 || true)
  [ -n "$address" ] && break
  kill -0 $server 2>/dev/null || break
  sleep 0.1
done
[ -n "$address" ] || { cat "$log" >&2; echo "chit dev did not start" >&2; exit 1; }
bash clients/python/run.sh "$address"

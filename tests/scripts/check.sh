#!/usr/bin/env bash
# Formatting, lints, the contract's lint, and licences where the tool for it is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/scripts/stage.sh

contract() {
  if ! command -v npm >/dev/null; then
    echo "npm is missing: the contract's lint is not run"
    return
  fi
  mkdir -p target/buf
  [ -x target/buf/node_modules/.bin/buf ] || npm install --silent --no-audit --no-fund --prefix target/buf @bufbuild/buf@1.75.0
  target/buf/node_modules/.bin/buf lint
  target/buf/node_modules/.bin/buf format --diff --exit-code
  if [ -e tests/data/contract.binpb ]; then
    target/buf/node_modules/.bin/buf breaking --against tests/data/contract.binpb
  fi
}
supply() {
  if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; else
    echo "cargo-deny is not installed: licences and sources are not checked here"
  fi
}

stage format cargo fmt --all --check
stage clippy cargo clippy --quiet --workspace --all-targets -- -D warnings
stage contract contract
stage supply supply

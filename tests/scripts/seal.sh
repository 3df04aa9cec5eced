#!/usr/bin/env bash
# Writes the checksums of all migrations. Run it when a migration file is added, never to bless an edit.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p tests/data
find services -path '*/migrations/*.sql' | sort | xargs -r sha256sum > tests/data/migrations.sha256

#!/usr/bin/env bash
# Runs the client against a server: `clients/python/run.sh 127.0.0.1:7400`. Fails where the client does.
set -euo pipefail
address=${1:?"usage: clients/python/run.sh ADDRESS, such as 127.0.0.1:7400"}
here=$(cd "$(dirname "$0")" && pwd)
read -r python stubs < <(bash "$here/setup.sh" | tail -n 1)
PYTHONPATH="$stubs" PYTHONDONTWRITEBYTECODE=1 exec "$python" "$here/test_client.py" "${address#http://}"

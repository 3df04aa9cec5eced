#!/usr/bin/env bash
# Makes a virtual environment under target/, generates the stubs and runs the client against a server:
# `clients/python/run.sh 127.0.0.1:7400`. Fails where the client does.
set -euo pipefail
address=${1:?"usage: clients/python/run.sh ADDRESS, such as 127.0.0.1:7400"}
here=$(cd "$(dirname "$0")" && pwd)
cache=${CARGO_TARGET_DIR:-"$here/../../target"}/python-client
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# Made anew when the requirements change, kept otherwise.
stamp="$cache/requirements.txt"
if ! cmp -s "$here/requirements.txt" "$stamp"; then
  rm -rf "$cache/venv" "$stamp"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$stamp"
fi

rm -rf "$cache/stubs"
bash "$here/generate.sh" "$cache/venv/bin/python" "$cache/stubs"
PYTHONPATH="$cache/stubs" PYTHONDONTWRITEBYTECODE=1 exec "$cache/venv/bin/python" "$here/test_client.py" "${address#http://}"

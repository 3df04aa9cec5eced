#!/usr/bin/env bash
# Makes a virtual environment and the stubs under target/, anew when requirements or protos changed. The last line
# printed is the interpreter and the folder of the stubs. Safe to run at the same time from several places.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${CARGO_TARGET_DIR:-"$here/../../target"}/python-client
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/lock"
flock 9

if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt"; then
  rm -rf "$cache/venv" "$cache/requirements.txt"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$cache/requirements.txt"
fi

protos=$(cd "$here/../../proto" && find . -name '*.proto' -print0 | sort -z | xargs -0 cat | sha256sum)
if [ "$(cat "$cache/protos.sha256" 2>/dev/null)" != "$protos" ]; then
  rm -rf "$cache/stubs" "$cache/protos.sha256"
  bash "$here/generate.sh" "$cache/venv/bin/python" "$cache/stubs"
  echo "$protos" > "$cache/protos.sha256"
fi
echo "$cache/venv/bin/python $cache/stubs"

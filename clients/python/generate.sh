#!/usr/bin/env bash
# Writes the Python stubs of proto/chit into a folder: `generate.sh PYTHON FOLDER`.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=$1
out=$2
mkdir -p "$out"
cd "$root/proto"
# google/rpc and google/type come with googleapis-common-protos, so that the rich errors are the ones Python knows.
find chit -name '*.proto' -print0 | sort -z |
  xargs -0 "$python" -m grpc_tools.protoc -I . --python_out="$out" --pyi_out="$out" --grpc_python_out="$out"

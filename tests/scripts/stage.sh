# Sourced: `stage NAME COMMAND…` runs a command and prints its seconds; a failure ends the run.
stage() {
  local name=$1 start=$SECONDS
  shift
  echo "── $name"
  "$@"
  echo "── $name: $((SECONDS - start)) s"
}

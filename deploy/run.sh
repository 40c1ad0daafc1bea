#!/usr/bin/env bash
# Sets up what is missing, builds, starts steerd on the default model and does the main job on real input: learns a vector
# from the polar pairs in deploy/pairs, shows answers plain and steered, scores every strength, shows the metrics.
#
#   deploy/run.sh [--keep] [--model FILE]
#
#   --keep         leave the server running; its state is kept in ~/.local/state/steerd
#   --model FILE   another GGUF model
#
# Takes the ports 7070 (gRPC) and 7071 (metrics) of this machine alone, or free ones where those are taken.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/paths.sh

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' deploy/run.sh; }
die() { echo "run: $*" >&2; exit 1; }

keep=no
model=$STEER_MODEL
while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=yes; shift ;;
    --model) [ $# -ge 2 ] || die "--model needs a file"; model=$(realpath "$2"); shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

deploy/setup.sh run
[ -f "$model" ] || die "no such file: $model"
echo "run: building (a first build takes some minutes)"
cmake --preset release -DSTEER_PYTHON="$STEER_PYTHON" > /dev/null
cmake --build --preset release --target steerd steerctl

if [ "$keep" = yes ]; then
  state=${XDG_STATE_HOME:-$HOME/.local/state}/steerd
  mkdir -p "$state"
else
  state=$(mktemp -d "${TMPDIR:-/tmp}/steerd.XXXXXX")
fi
log=$state/steerd.log
pid=
left_running=no

stop() {
  if [ -n "$pid" ] && [ "$left_running" = no ]; then
    kill "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
    echo "run: steerd stopped"
  fi
  if [ "$keep" = no ]; then rm -rf "$state"; fi
}
trap stop EXIT
trap 'exit 130' INT TERM

port() {  # wanted port: the same if it is free, else 0, which lets the system choose
  if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then echo 0; else echo "$1"; fi
}

: > "$log"
# In a session of its own, so that it may outlive this terminal and a Ctrl-C is ours to handle.
setsid build/release/bin/steerd --model "$model" --state-dir "$state" --listen "127.0.0.1:$(port 7070)" \
  --metrics-listen "127.0.0.1:$(port 7071)" < /dev/null > "$log" 2>&1 &
pid=$!
echo "run: starting steerd on $model (log: $log)"
serving=
for _ in $(seq 600); do
  serving=$(sed -n 's/.*serving gRPC on .*(port \([0-9]*\)), metrics on .*(port \([0-9]*\)).*/\1 \2/p' "$log")
  if [ -n "$serving" ]; then break; fi
  kill -0 "$pid" 2> /dev/null || { cat "$log" >&2; die "steerd did not start"; }
  sleep 0.2
done
[ -n "$serving" ] || { cat "$log" >&2; die "steerd did not start within two minutes"; }
read -r grpc_port metrics_port <<< "$serving"
server=127.0.0.1:$grpc_port
metrics=http://127.0.0.1:$metrics_port/metrics
build/release/bin/steerctl --server "$server" --wait 60 health > /dev/null
echo "run: steerd serves gRPC on $server, metrics on $metrics"

"$STEER_PYTHON" deploy/demo.py build/release/bin/steerctl "$server" "$metrics"

echo
echo "== How to go on =="
if [ "$keep" = yes ]; then
  left_running=yes
  echo "steerd is left running as process $pid; its state is in $state. To stop it: kill $pid"
else
  echo "The server stops now; deploy/run.sh --keep leaves it running. Then:"
fi
cat << TEXT
  export STEER_SERVER=$server PATH=$PWD/build/release/bin:\$PATH
  steerctl generate "How was your weekend?" --signal cheerful=1 --plain-too
  steerctl chat --signal cheerful=1
  steerctl score deploy/pairs/cheerful_test.jsonl --signal cheerful=1 --multipliers=-2,-1,0,1,2
  steerctl learn YOUR_PAIRS.jsonl --alias NAME --promote
  steerctl --help
TEXT

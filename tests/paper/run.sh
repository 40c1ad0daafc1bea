#!/usr/bin/env bash
# How far the paper's claims hold: measures what is not yet measured and writes tests/paper/results.
#
#   tests/paper/run.sh [--report fits|comparison] [--only 'psychopathy lora'] [--minutes N] [--small] [--steps N] [--threads N]
#                      [--model GGUF] [--other-model GGUF] [--work DIR] [--results DIR]
#
# Needs a build (STEER_BUILD, default build/release) and deploy/setup.sh test. Goes on where it was interrupted.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../deploy/paths.sh"
root=$here/../..
# Of an option that is given twice the last counts.
exec "$STEER_PYTHON" -B "$here/run_cells.py" --build "${STEER_BUILD:-$root/build/release}" --model "$STEER_MODEL" \
  --other-model "$STEER_GEMMA_MODEL" --work "$root/build/paper" --results "$here/results" "$@"

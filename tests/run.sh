#!/usr/bin/env bash
# Sets up, builds and tests everything.
#
#   tests/run.sh [ctest arguments]   the short tier, what CI runs; e.g. tests/run.sh -L unit
#   tests/run.sh --long              the short tier, then sanitizers, fuzzing and the image; a summary in tests/long_summary.txt
#
# Labels: unit, server, calls, parity, integration, lint, bench, paper (ctest --print-labels shows those in use).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --long ]; then exec tests/long.sh; fi

. deploy/paths.sh
deploy/setup.sh test
cmake --preset release -DSTEER_PYTHON="$STEER_PYTHON" -DSTEER_TEST_MODEL="$STEER_MODEL" \
  -DSTEER_GEMMA_MODEL="$STEER_GEMMA_MODEL" -DSTEER_PROMETHEUS="$STEER_PROMETHEUS"
cmake --build --preset release
# Two at a time: tests that start a server use all cores by themselves, and time limits are for a quiet machine.
exec ctest --test-dir build/release --output-on-failure --no-tests=error --parallel 2 \
  --output-junit junit.xml "$@"

# Where things lie; read by setup.sh, run.sh and tests/run.sh.
STEER_CACHE=${STEER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/steerd}
STEER_PYTHON=$STEER_CACHE/venv/bin/python
STEER_MODEL=$STEER_CACHE/models/SmolLM2-135M-Instruct.Q4_1.gguf
STEER_GEMMA_MODEL=$STEER_CACHE/models/gemma-3-270m.Q4_K_M.gguf  # the tests' alone
STEER_PROMETHEUS=$(command -v prometheus || echo "$STEER_CACHE/prometheus/usr/bin/prometheus")
export STEER_CACHE STEER_PYTHON STEER_MODEL STEER_GEMMA_MODEL STEER_PROMETHEUS

#!/usr/bin/env bash
# The long tier: the short tier, then what takes too long for every push. Goes on after a failure; build/long/ gets a log
# of every step; the summary goes to tests/long_summary.txt, which is committed.
#
#   tests/long.sh [step...]     all steps, or the named ones (added to the summary): short asan tsan fuzz kills image paper
#
# STEER_FUZZ_SECONDS (180): how long each fuzzer runs. STEER_KILL_ROUNDS (20): how often the tests that kill are repeated.
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/paths.sh
logs=build/long
mkdir -p "$logs"
# The tests of targets that see neither libtorch nor gRPC; ThreadSanitizer understands only those.
TSAN_FOLDERS="analysis engine files learn runtime_front schedule signal store tokenizer"

configure() {  # preset
  cmake --preset "$1" -DSTEER_PYTHON="$STEER_PYTHON" -DSTEER_TEST_MODEL="$STEER_MODEL" -DSTEER_PROMETHEUS="$STEER_PROMETHEUS"
}

step_short() { tests/run.sh; }

step_asan() {
  configure asan && cmake --build --preset asan || return
  # Lint says nothing new here; shadow and quarantine of the sanitizer are not the memory that these tests bound.
  UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ctest --test-dir build/asan --output-on-failure --no-tests=error \
    --label-exclude 'lint|bench' --exclude-regex '^(integration.memory$|LoadMemoryTest)' --timeout 1200
}

step_tsan() {
  local folder targets=()
  for folder in $TSAN_FOLDERS; do targets+=("$(sed -n 's/^steer_test(\([a-z_]*\).*/\1/p' "tests/$folder/CMakeLists.txt" | head -1)"); done
  configure tsan && cmake --build --preset tsan --target "${targets[@]}" || return
  TSAN_OPTIONS=halt_on_error=1 ctest --test-dir build/tsan --output-on-failure --no-tests=error \
    --exclude-regex _NOT_BUILT --label-regex unit --timeout 1200
}

step_fuzz() {
  local folder=build/fuzz source name format
  mkdir -p "$folder/objects" "$folder/proto"
  protoc -Iproto --cpp_out="$folder/proto" proto/steer/v1/*.proto || return
  local flags="-std=c++20 -O1 -g -I. -I$folder/proto $(pkg-config --cflags spdlog libpcre2-8 protobuf)"
  local libraries="$(pkg-config --libs absl_status absl_statusor absl_strings absl_cord absl_flat_hash_map \
    absl_raw_hash_set openssl sqlite3 spdlog libpcre2-8 libutf8proc protobuf)"
  rm -f "$folder"/objects/*.o
  # What the targets are about: the readers of files, and the converters of requests with the messages they take.
  { find core/base core/files core/signal core/store core/tokenizer -name '*.cc'
    ls core/analysis/answer_choice.cc core/learn/{csv,dataset,extraction_params,early_stop}.cc core/learn/training_*.cc server/convert*.cc "$folder"/proto/steer/v1/*.pb.cc; } | tr '\n' '\0' | xargs -0 -P "$(nproc)" -I{} bash -c \
    'clang++ '"$flags"' -fsanitize=fuzzer-no-link,address,undefined -c "$1" -o '"$folder"'/objects/$(echo "$1" | tr / _).o' _ {} ||
    return
  rm -f "$folder/libfuzzed.a"
  ar rcs "$folder/libfuzzed.a" "$folder"/objects/*.o || return
  for source in tests/fuzz/*_fuzz.cc; do
    name=$(basename "$source" .cc)
    format=${name%_fuzz}
    # shellcheck disable=SC2086
    clang++ $flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all "$source" "$folder/libfuzzed.a" $libraries \
      -o "$folder/$name" || return
    # The first folder takes what is found on the way and is kept between runs; the second is only read.
    mkdir -p "$folder/corpus-$name"
    "$folder/$name" -max_total_time="${STEER_FUZZ_SECONDS:-180}" -max_len=8192 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$folder/" "$folder/corpus-$name" "tests/fuzz/corpus/$format" 2>&1 | tail -20
    [ "${PIPESTATUS[0]}" -eq 0 ] || return
  done
}

step_kills() {
  ctest --test-dir build/release --output-on-failure --no-tests=error --repeat "until-fail:${STEER_KILL_ROUNDS:-20}" \
    --tests-regex 'Durability|Kill|kill'
}

step_image() { tests/integration/container_test.sh; }

# Cells of an earlier run in build/paper/ and tests/paper/results/cells/ are not measured again.
step_paper() { tests/paper/run.sh; }

summary=tests/long_summary.txt
failed=0
deploy/setup.sh long || exit
if [ $# -eq 0 ]; then rm -f "$summary"; fi
changed=$(git status --porcelain -- . ":!$summary")
{
  echo "commit $(git describe --always)${changed:+-dirty}, $(date -u +%Y-%m-%dT%H:%MZ), $(nproc) cores, $(uname -m)"
} >> "$summary"
for step in "${@:-short asan tsan fuzz kills image paper}"; do
  for name in $step; do
    echo "long: $name (log: $logs/$name.log)"
    start=$SECONDS
    if "step_$name" > "$logs/$name.log" 2>&1; then verdict=passed; else verdict=FAILED; failed=1; tail -40 "$logs/$name.log"; fi
    detail=$(grep -E '^[0-9]+% tests passed|stat::number_of_executed_units|^cells: ' "$logs/$name.log" | tr -s ' ' | paste -sd ';' -)
    printf '%-6s %s, %d s%s\n' "$name" "$verdict" $((SECONDS - start)) "${detail:+ ($detail)}" | tee -a "$summary"
  done
done
exit $failed

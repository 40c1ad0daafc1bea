#!/usr/bin/env bash
# Builds the Dockerfile without a Docker engine, on a base image made by debootstrap, starts the image and asks it for health
# and for an answer. Needs root, buildah and debootstrap; belongs to the long tier, because it builds everything anew.
#
#   tests/integration/container_test.sh [Debian suite, default bookworm]
#
# The build sees this machine's pip configuration, so that it works behind mirrors.
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=${1:-bookworm}
[ "$(id -u)" -eq 0 ] || { echo "container_test: needs root, for debootstrap and chroot" >&2; exit 1; }
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
work=$(mktemp -d "${TMPDIR:-/var/tmp}/steerd-image.XXXXXX")
base=localhost/steerd-test-base:$suite
image=localhost/steerd-test:$suite
container=
server_pid=

clean_up() {
  if [ -n "$server_pid" ]; then kill "$server_pid" 2> /dev/null || true; wait "$server_pid" 2> /dev/null || true; fi
  if [ -n "$container" ]; then buildah rm "$container" > /dev/null; fi
  buildah rmi "$image" > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT

say() { echo "container_test: $*"; }

make_base() {
  if buildah inspect --type image "$base" > /dev/null 2>&1; then return; fi
  say "making a base image of Debian $suite"
  debootstrap --variant=minbase "$suite" "$work/root" > "$work/debootstrap.log" || { tail "$work/debootstrap.log"; return 1; }
  local scratch
  scratch=$(buildah from scratch)
  buildah copy -q "$scratch" "$work/root" / > /dev/null
  buildah commit -q "$scratch" "$base" > /dev/null
  buildah rm "$scratch" > /dev/null
  rm -rf "$work/root"
}

# This machine's pip configuration as one file, and options that show the build that file and every place it names.
host_options() {
  local path certificates=/etc/ssl/certs/ca-certificates.crt
  { echo "[global]"; python3 -m pip config list | sed -n "s/^\(global\|:env:\)\.\([a-z-]*\)='\(.*\)'$/\2 = \3/p" | awk '!seen[$1]++'; } |
    sed "s,$certificates,/etc/host-certificates.crt," > "$work/pip.conf"
  printf '%s\n' --volume "$work/pip.conf:/etc/pip.conf:ro"
  if [ -f "$certificates" ]; then printf '%s\n' --volume "$certificates:/etc/host-certificates.crt:ro"; fi
  # An index in a folder ("…/simple") refers to files beside it.
  for path in $(grep -oE '/[^ ]+' "$work/pip.conf" | sed 's,^//,,;s,/simple/*$,,' | sort -u); do
    if [ -e "$path" ]; then printf '%s\n' --volume "$path:$path:ro"; fi
  done
}

build() {
  say "building the image"
  mapfile -t options < <(host_options)
  # In Docker's format, because the other has no HEALTHCHECK.
  buildah bud --format docker "${options[@]}" --build-arg "BASE_IMAGE=$base" -t "$image" .
}

check() {
  container=$(buildah from "$image")
  local user size
  user=$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")
  [ "$user" = steerd ] || { say "runs as '$user', not as steerd"; return 1; }
  size=$(du -sm "$(buildah mount "$container")" | cut -f1)
  say "the image has $size MiB"
  # Where no index has torch's CPU build for the image's Python, its CUDA libraries come along.
  if [ -e "$(buildah mount "$container")/usr/lib/steerd/libtorch_cuda.so" ]; then
    say "it carries libtorch's CUDA libraries"
  elif [ "$size" -gt 1200 ]; then
    say "more than 1200 MiB is not slim"
    return 1
  fi
  mapfile -t command < <(buildah inspect --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}{{range .OCIv1.Config.Cmd}}{{println .}}{{end}}' "$container" | sed '/^$/d')
  say "starting: ${command[*]}"
  buildah run --isolation chroot "$container" -- "${command[@]}" > "$work/steerd.log" 2>&1 &
  server_pid=$!
  buildah run --isolation chroot "$container" -- steerctl --wait 120 health || { cat "$work/steerd.log"; return 1; }
  buildah run --isolation chroot "$container" -- steerctl generate "The capital of France is" --raw --temperature 0 \
    --max-tokens 4 | tee "$work/answer"
  grep -q Paris "$work/answer" || { say "a strange answer"; return 1; }
  # An unprivileged user owns the state and nothing else.
  buildah run --isolation chroot "$container" -- sh -c \
    'test "$(id -u)" = 10001 && test -s /var/lib/steerd/signals.db && ! test -w /usr/bin/steerd && ! test -w /'
}

make_base
build
check
say "passed on Debian $suite"

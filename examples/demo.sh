#!/usr/bin/env bash
# Build examples/polls into an image, run it in an engine, show that it answers, and leave nothing running.
#
# The engine is docker if its daemon answers, else podman. If there is neither, podman (or, if that cannot run anything
# here, Docker) is installed from Debian. The image stays in the engine; everything else is removed.
set -euo pipefail
cd "$(dirname "$0")/.."

project=examples/polls
tag=polls-site:demo
work=$(mktemp -d)
service=
engine=()
options=()

step() { printf '\n==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Rootless podman leaves a process that keeps its namespace; if there was none before, there must be none after.
held=$(pgrep -u "$(id -u)" -x podman || true)

finish() {
  code=$?
  [ -z "$service" ] || "${engine[@]}" rm --force "$service" >/dev/null 2>&1 || true
  if [ "$(id -u)" != 0 ] && [ "${engine[0]:-}" = podman ] && [ -z "$held" ]; then podman system migrate >/dev/null 2>&1 || true; fi
  # The container's files belong to uid 1000.
  rm -rf "$work" 2>/dev/null || true
  [ "$code" = 0 ] || printf '\ndemo: failed with exit status %s\n' "$code" >&2
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# An engine is usable if it loads the image and runs it. Some hosts need podman's other runtime, or lower limits.
try() {
  engine=("$1")
  step "loading it into $1"
  grocker build "$project" -t "$tag" --output "$1" --quiet >/dev/null || return
  local set plain="" runc="--runtime runc" low="--runtime runc --ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
  [ "$1" = podman ] || { runc=$plain; low=$plain; }
  for set in "$plain" "$runc" "$low"; do
    read -ra options <<<"$set"
    if "${engine[@]}" run --rm "${options[@]}" "$tag" --version >"$work/version" 2>"$work/error"; then
      [ -z "$set" ] || note "options for this host: $set"
      return 0
    fi
  done
  note "$1 cannot run it: $(tail -n 1 "$work/error")"
  return 1
}

install() {
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    { echo "demo: no engine is running, and installing one needs root or sudo" >&2; exit 69; }
  step "installing $1 from Debian (apt-get)"
  shift
  root apt-get update -qq
  root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$work/apt" 2>&1 ||
    { tail -n 5 "$work/apt" >&2; return 1; }
}

step "building $project (without an engine)"
grocker build "$project" -t "$tag" --output "oci:$work/layout" >"$work/image"
note "$(cat "$work/image")"

docker_answers() { command -v docker >/dev/null && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

if docker_answers && try docker; then :
elif command -v podman >/dev/null && try podman; then :
elif [ -n "${DEMO_INSTALLED:-}" ]; then
  echo "demo: neither docker nor podman can run the image here" >&2
  exit 69
elif ! command -v podman >/dev/null &&
  install podman podman runc crun conmon netavark aardvark-dns iptables uidmap slirp4netns fuse-overlayfs && try podman; then :
elif [ "$(id -u)" = 0 ]; then
  command -v dockerd >/dev/null || install docker docker.io iptables
  step "starting a Docker daemon for the demo"
  rm -rf "$work"
  DEMO_INSTALLED=1 exec tools/with-dockerd "$0"
else
  echo "demo: no engine can run the image here; start the Docker daemon and try again" >&2
  exit 69
fi
note "$(head -n 1 "$work/version")"

# Copy the operator's directories, so that the site's files stay out of the source tree.
cp -R "$project/config" "$project/media" "$project/scripts" "$work/"
chmod 755 "$work"
chmod -R go+rX "$work/config"
chmod -R go+rwX "$work/media" "$work/scripts"
mounts=(-v "$work/config:/config:ro" -v "$work/media:/media:rw" -v "$work/scripts:/scripts:rw")
run() { "${engine[@]}" run --rm "${options[@]}" "${mounts[@]}" "$tag" "$@"; }
page() { curl --silent --show-error --fail --noproxy '*' --max-time 10 "http://$address$1"; }

step "running migrations: ${engine[*]} run … django-admin.py migrate"
run django-admin.py migrate | sed 's/^/    /'

step "starting the service: ${engine[*]} run … start www"
service=$("${engine[@]}" run --detach "${options[@]}" "${mounts[@]}" --publish 127.0.0.1::8080 "$tag" start www)
address=$("${engine[@]}" port "$service" 8080 | head -n 1)
for _ in $(seq 60); do
  if page /healthz >"$work/health" 2>&1; then break; fi
  sleep 0.5
done
if ! grep -qx ok "$work/health"; then
  cat "$work/health" >&2
  "${engine[@]}" logs "$service" >&2
  exit 1
fi
note "port 8080, published as http://$address, answers: $(cat "$work/health")"
note "title from /config/app/90_override.ini: $(page / | sed -n 's:.*<title>\(.*\)</title>.*:\1:p')"

step "running an operator's script: ${engine[*]} run … add_question 'Tabs or spaces?' Tabs Spaces"
run add_question 'Tabs or spaces?' Tabs Spaces | sed 's/^/    /'
note "its output in /scripts: $(cd "$work/scripts" && ls question-*.txt)"
page / | grep 'Tabs or spaces?' >/dev/null
note "the site shows the question"

step "stopping"
"${engine[@]}" stop "$service" >/dev/null
note "the container exited with status $("${engine[@]}" inspect --format '{{.State.ExitCode}}' "$service")"
"${engine[@]}" rm "$service" >/dev/null
service=
shell=("${engine[@]}" run --rm "${options[@]}" -ti "$tag")
note "nothing is running; the image stays: ${shell[*]}"

#!/usr/bin/env bash
# Runs an image once and looks at it: not root, root read-only, healthy, ended by SIGTERM with exit code 0.
#   deploy/smoke-image.sh graylane:0.1.0        with docker or podman, else with buildah (which cannot make the root read-only)
set -euo pipefail
image=${1:?which image?}

engine=
for name in docker podman; do
  if "$name" info >/dev/null 2>&1; then engine=$name && break; fi
done

if [[ -n "$engine" ]]; then
  id=$("$engine" run -d --read-only --cap-drop ALL --security-opt no-new-privileges "$image")
  trap '"$engine" rm -f "$id" >/dev/null' EXIT
  [[ $("$engine" exec "$id" id -u) != 0 ]] || { echo "runs as root"; exit 1; }
  for _ in $(seq 50); do
    "$engine" exec "$id" node -e "fetch('http://127.0.0.1:9901/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))" && break
    sleep 0.2
  done
  "$engine" stop -t 45 "$id" >/dev/null
  code=$("$engine" inspect -f '{{.State.ExitCode}}' "$id")
else
  container=$(buildah from --pull-never "$image")
  trap 'buildah rm "$container" >/dev/null' EXIT
  code=$(unshare -n bash -c 'ip link set lo up && exec buildah run --isolation chroot "$1" -- sh -c "$2"' - "$container" '
    [ "$(id -u)" != 0 ] || { echo "runs as root"; exit 1; }
    if touch /app/written 2>/dev/null; then echo "may write into its own root"; exit 1; fi
    node src/main.ts serve --config config/routes.yaml --drain-delay 0 >&2 & pid=$!
    for _ in $(seq 50); do
      node -e "fetch(\"http://127.0.0.1:9901/readyz\").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))" && ready=1 && break
      sleep 0.2
    done
    [ "${ready:-}" = 1 ] || { echo "never became ready"; exit 1; }
    kill -TERM $pid; wait $pid; echo $?')
fi
[[ "$code" == 0 ]] || { echo "ended with $code"; exit 1; }
echo "good: $image"

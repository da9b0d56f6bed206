#!/usr/bin/env bash
# Runs an image once and looks at it: small, not root, nothing to write, healthy by its own check, answering, ended by SIGTERM with exit
# code 0.
#   deploy/smoke-image.sh graylane:0.1.0        with docker or podman: root read-only, no capabilities, no network but loopback;
#                                               else with buildah, which cannot make the root read-only and knows no health check
set -euo pipefail
image=${1:?which image?}
# What graylane adds to Node's image, in MB.
most=60

engine=
for name in docker podman; do
  if "$name" info >/dev/null 2>&1; then engine=$name && break; fi
done
bad() { echo "$image $1" >&2; exit 1; }

# In a running container: what may be written, and whether the edge answers. Nobody is behind it here, so the answer is the edge's own.
look='
  [ "$(id -u)" != 0 ] || { echo "runs as root"; exit 1; }
  for place in /app /usr /etc '"${engine:+/tmp}"'; do
    if touch "$place/written" 2>/dev/null; then echo "may write into $place"; exit 1; fi
  done
  size=$(du -sm /app | cut -f1)
  [ "$size" -le '$most' ] || { echo "adds $size MB"; exit 1; }
  node -e "fetch(\"http://127.0.0.1:8080/\").then(async (r) => { console.log(r.status, (await r.text()).slice(0, 60)); process.exit(r.headers.get(\"x-version\") ? 0 : 1) })" >&2 ||
    { echo "does not answer"; exit 1; }
  echo "$size MB above Node, by nobody, nothing to write, answering"'

if [[ -n "$engine" ]]; then
  id=$("$engine" run -d --read-only --cap-drop ALL --security-opt no-new-privileges --network none "$image")
  trap '"$engine" rm -f "$id" >/dev/null' EXIT
  for _ in $(seq 60); do
    health=$("$engine" inspect -f '{{.State.Health.Status}}' "$id")
    [[ "$health" == starting ]] || break
    sleep 0.5
  done
  [[ "$health" == healthy ]] || { "$engine" logs "$id" >&2; bad "is $health by its own check"; }
  "$engine" exec "$id" sh -c "$look" || bad 'is not as it should be'
  "$engine" stop -t 45 "$id" >/dev/null
  code=$("$engine" inspect -f '{{.State.ExitCode}}' "$id")
else
  container=$(buildah from --pull-never "$image")
  trap 'buildah rm "$container" >/dev/null' EXIT
  code=$(unshare -n bash -c 'ip link set lo up && exec buildah run --isolation chroot "$1" -- sh -c "$2"' - "$container" "
    node src/main.ts serve --config config/routes.yaml --drain-delay 0 >&2 & pid=\$!
    for _ in \$(seq 50); do
      node -e \"fetch('http://127.0.0.1:9901/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))\" && ready=1 && break
      sleep 0.2
    done
    [ \"\${ready:-}\" = 1 ] || { echo 'never became ready'; exit 1; }
    ( $look ) >&2 || exit 1
    kill -TERM \$pid; wait \$pid; echo \$?")
fi
[[ "$code" == 0 ]] || bad "ended with $code"
echo "good: $image"

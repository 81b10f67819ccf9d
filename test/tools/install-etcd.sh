#!/usr/bin/env bash
# Makes sure that there is an etcd: $ETCD, PATH, the cache, built from its Go module, or Debian's package, in this order.
set -euo pipefail
cd "$(dirname "$0")/etcd"

cache="$HOME/.cache/sipcluster/bin"

if [ -n "${ETCD:-}" ]; then
  [ -x "$ETCD" ] || { echo "ETCD is $ETCD, which is not a program that can be run." >&2; exit 1; }
  exit 0
fi
if command -v etcd >/dev/null || [ -x "$cache/etcd" ]; then exit 0; fi

mkdir -p "$cache"
if command -v go >/dev/null; then
  version=$(sed -n 's|^require go.etcd.io/etcd/server/v3 v||p' go.mod)
  echo "Building etcd $version from its Go module, once: about a minute, into $cache." >&2
  built=$(mktemp "$cache/.etcd.XXXXXX")
  trap 'rm -f "$built"' EXIT
  if CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$built" go.etcd.io/etcd/server/v3; then
    chmod 755 "$built"
    mv "$built" "$cache/etcd"
    exit 0
  fi
  echo 'It could not be built.' >&2
fi
if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  echo "Installing Debian's etcd-server." >&2
  # The package would start its service: a policy that answers 101 keeps it from that.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends etcd-server; } >&2
  exit 0
fi
echo 'No etcd: name one by ETCD=/path/to/etcd, or install Go (to build it) or etcd 3.4 or newer.' >&2
exit 1

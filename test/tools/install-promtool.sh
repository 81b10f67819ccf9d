#!/usr/bin/env bash
# promtool judges the chart's alerts. It is taken out of Debian's package prometheus, whose service nobody wants here; where
# it can be neither found nor had, those tests are skipped.
set -euo pipefail

cache="$HOME/.cache/sipcluster/bin"
if command -v promtool >/dev/null || [ -x "$cache/promtool" ]; then exit 0; fi
if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
  echo "Taking promtool out of Debian's prometheus, once, into $cache" >&2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if (cd "$work" && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } && dpkg -x prometheus_*.deb x) >"$work/log" 2>&1; then
    mkdir -p "$cache"
    install -m 755 "$work/x/usr/bin/promtool" "$cache/.promtool"
    mv "$cache/.promtool" "$cache/promtool"
    exit 0
  fi
  tail -n 3 "$work/log" >&2
fi
echo 'No promtool here: the tests of the alerts are skipped. To run them, put it on the PATH.' >&2

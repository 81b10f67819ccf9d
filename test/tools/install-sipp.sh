#!/usr/bin/env bash
# SIPp is a peer of some tests. Where it can be neither found nor installed, those tests are skipped.
set -euo pipefail

if command -v sipp >/dev/null; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  echo "Installing SIPp (Debian's sip-tester) for the tests." >&2
  if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends sip-tester; } >&2; then
    exit 0
  fi
fi
echo 'No SIPp here: the tests that need it are skipped. To run them, install Debian'"'"'s sip-tester.' >&2

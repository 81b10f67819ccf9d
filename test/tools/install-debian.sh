#!/usr/bin/env bash
# Makes sure that programs are there: install-debian.sh PACKAGE:PROGRAM …; a missing one is installed from Debian's package.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

missing=()
for pair in "$@"; do
  command -v "${pair#*:}" >/dev/null || missing+=("${pair%%:*}")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  echo "Installing Debian's ${missing[*]}." >&2
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >&2
  exit 0
fi
echo "Missing here: ${missing[*]}. Install Debian's packages of these names." >&2
exit 1

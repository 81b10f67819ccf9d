#!/usr/bin/env bash
# Makes sure that programs are there: install-debian.sh PACKAGE:PROGRAM …; a missing one is installed from Debian's package.
# A PROGRAM with a slash is a file, which its path or a pattern names.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

is_there() {
  case $1 in
    */*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing=()
for pair in "$@"; do
  is_there "${pair#*:}" || missing+=("${pair%%:*}")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  echo "Installing Debian's ${missing[*]}." >&2
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >&2
  exit 0
fi
echo "Missing here: ${missing[*]}. Install Debian's packages of these names." >&2
exit 1

#!/usr/bin/env bash
# Makes sure that this machine has what `make e2e` runs a node with, beside the programs that are built: containerd with
# runc and the CNI plugins, iptables, and buildah for the images.
set -euo pipefail

packages=(buildah debootstrap iproute2 util-linux)
# The user's own cluster needs only images.
[ -n "${KUBECONFIG:-}" ] || packages+=(containerd containernetworking-plugins iptables)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "make e2e needs ${missing[*]}: install them (as Debian names them), or run it as root on Debian or Ubuntu." >&2
  exit 1
fi
echo "Installing ${missing[*]}" >&2
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >&2

#!/usr/bin/env bash
# Makes sure that there is a kube-apiserver (and a kube-controller-manager) for the tests on a real API server:
# $KUBEBUILDER_ASSETS, the caches, or built from the Go module, in this order. The build takes four minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/kubernetes"

cache="$HOME/.cache/sipcluster/bin"
for directory in "${KUBEBUILDER_ASSETS:-}" "$cache" "$HOME/.cache/sipcluster-tools/bin"; do
  if [ -n "$directory" ] && [ -x "$directory/kube-apiserver" ]; then exit 0; fi
done
command -v go >/dev/null || {
  echo 'No kube-apiserver: set KUBEBUILDER_ASSETS to a directory with one, or install Go to build it.' >&2
  exit 1
}

mkdir -p "$cache"
version=$(sed -n 's|^require k8s.io/kubernetes \(v.*\)|\1|p' go.mod)
minor=$(cut -d. -f2 <<<"$version")
# Without these it calls itself v0.0.0, and clients warn.
flags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor"
done
for program in kube-apiserver kube-controller-manager; do
  [ -x "$cache/$program" ] && continue
  echo "Building $program $version from its Go module, once, into $cache." >&2
  built=$(mktemp "$cache/.$program.XXXXXX")
  trap 'rm -f "$built"' EXIT
  CGO_ENABLED=0 go build -mod=mod -trimpath -ldflags="$flags" -o "$built" "k8s.io/kubernetes/cmd/$program"
  chmod 755 "$built"
  mv "$built" "$cache/$program"
done

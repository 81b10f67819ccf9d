#!/usr/bin/env bash
# Makes sure that there is a kube-apiserver (and a kube-controller-manager) for the tests on a real API server.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec node_modules/.bin/node test/tools/programs.ts kube-apiserver kube-controller-manager

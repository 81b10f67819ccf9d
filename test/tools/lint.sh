#!/usr/bin/env bash
# Everything `make lint` checks. All checks run, whatever the others find; each that finds something says so by its name.
set -uo pipefail
cd "$(dirname "$0")/../.."

status=0
check() {
  local what=$1
  shift
  if ! "$@"; then
    echo "lint: $what found something" >&2
    status=1
  fi
}

check 'types (tsc)' tsc --noEmit
check 'style (oxlint)' oxlint --type-aware --deny-warnings --quiet
check 'format (oxfmt; `make format` puts it right)' oxfmt --check
check 'unused code (knip)' knip --no-progress
check 'import directions (dependency-cruiser)' node test/tools/check-imports.ts
check 'generated types (`make types`)' node test/tools/generate-types.ts --check
check 'package-lock.json' node test/tools/complete-lock.ts --check
exit "$status"

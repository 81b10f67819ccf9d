#!/bin/sh
# Compiles udp.c into build/udp.node, where there is a C compiler for it; without it the proxy uses node:dgram, which
# takes a third more CPU. Ends well either way.
cd "$(dirname "$0")" || exit 1
compiler=${CC:-$(command -v cc || command -v gcc || command -v clang)}
headers=$(node -p 'require("node-api-headers").include_dir')
if [ "$(uname)" != Linux ]; then why='it is for Linux'
elif [ -z "$compiler" ]; then why='there is no C compiler'
elif [ ! -d "$headers" ]; then why='the package node-api-headers is not there'
elif mkdir -p build &&
  "$compiler" -O2 -Wall -Wextra -shared -fPIC -I "$headers" -o "build/udp.node.$$" udp.c &&
  mv "build/udp.node.$$" build/udp.node; then exit 0
else why='it does not compile here'; fi
rm -f "build/udp.node.$$"
echo "UDP by node:dgram: udp.c is not built, since $why. The proxy works all the same, with more CPU a message." >&2

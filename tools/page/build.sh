#!/bin/sh
# Builds the page: page.c for WebAssembly, scalar and with vectors of 128 bits (packed), then all into one file.   sh tools/page/build.sh build/page.html
# Needs clang with its wasm32 target and wasm-ld (Debian: clang, lld).
set -eu
cd "$(dirname "$0")/../.."
out=${1:-build/page.html}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$(dirname "$out")"
machine() {                                   # machine OUT [FLAG]: page.c for WebAssembly
    ${CLANG:-clang} --target=wasm32 -std=c99 -O2 -Wall -Wextra -ffreestanding -fno-math-errno -mbulk-memory ${2:-} \
        -nostdlib -Wl,--no-entry -Wl,-z,stack-size=1048576 -Wl,--strip-all -o "$work/$1" tools/page/page.c
}
machine page.wasm
machine vectors.wasm -msimd128
gzip -9n "$work/vectors.wasm"
${CC:-cc} -std=c99 -O1 -o "$work/pack" tools/page/pack.c
cp tools/page/style.css tools/page/worker.js tools/page/page.js "$work"
cp tables/table1.md tables/pathways.md "$work"
cp tools/page/index.html "$work"
(cd "$work" && ./pack index.html page.html)
mv "$work/page.html" "$out"
echo "$out: $(($(wc -c <"$out") / 1024)) KiB"

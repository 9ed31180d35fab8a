#!/bin/sh
# The page in a headless Chromium (tests/page.js): it trains, shows the native run's bits, every control moves something.
# BUILD=build sh tests/t_page.sh     Skipped, by name, where a browser, node, or clang's wasm32 target is missing.
BUILD=${BUILD:-build}
CC=${CC:-cc}
missing=
for p in node clang wasm-ld; do command -v $p >/dev/null 2>&1 || missing="$missing $p"; done
browser=
for p in ${CHROMIUM:-} chromium chromium-browser google-chrome chromium-headless-shell; do
    if command -v "$p" >/dev/null 2>&1; then browser=$p; break; fi
done
[ "$browser" ] || missing="$missing chromium"
if [ "$missing" ]; then
    echo "skip t_page.sh: not installed:$missing"
    echo "0 passed, 0 failed"
    exit 0
fi
mkdir -p "$BUILD"
sh tools/page/build.sh "$BUILD/page.html" || { echo "0 passed, 1 failed"; exit 1; }
size=$(wc -c <"$BUILD/page.html")
[ "$size" -lt 600000 ] || { echo "FAIL $BUILD/page.html has $size bytes, more than 600000"; exit 1; }
if grep -nE '(src|href)="(https?:)?//' "$BUILD/page.html" | grep -vE 'href="https://arxiv.org/'; then
    echo "FAIL the page needs the network"
    exit 1
fi
$CC -std=c99 -O1 -DCLB_NO_FMA -o "$BUILD/page_native" tests/page_native.c -lm || { echo "0 passed, 1 failed"; exit 1; }
$CC -std=c99 -O1 -o "$BUILD/page_lab" tools/clb_lab.c -lm || { echo "0 passed, 1 failed"; exit 1; }
exec node tests/page.js "$BUILD/page.html" "$BUILD/page_native" "$browser" "$CC" "$BUILD/page_lab"

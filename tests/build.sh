#!/bin/sh
# make check: the header in every language, compiler, precision and option it promises; the tests under sanitizers and in
# float; the same result bytes from every compiler and optimisation level. Prints one line a step, the failures in full.
#   sh tests/build.sh [headers] [sanitize] [single] [bytes] [report]        (no word: all)
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
failed=0
WARN="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wcast-qual -Wundef -Werror"
C_ONLY="-Wstrict-prototypes -Wmissing-prototypes -Wvla"
have() { command -v "$1" >/dev/null 2>&1; }
try() {                                                     # try NAME COMMAND...
    name=$1; shift
    if "$@" >"$T/log" 2>&1; then echo "ok    $name"; else echo "FAIL  $name: $*"; head -30 "$T/log"; failed=1; fi
}
want() { [ -z "$WORDS" ] && return 0; case " $WORDS " in *" $1 "*) return 0;; esac; return 1; }
WORDS="$*"

if want headers; then
    printf '#define CLB_IMPLEMENTATION\n#include "clb.h"\nint main(void) { return 0; }\n' >"$T/one.c"
    printf '#include <string.h>\n#include <math.h>\n#include "clb.h"\n#define CLB_IMPLEMENTATION\n#include "clb.h"\n#include "clb.h"\nint clb_twice(void);\nint clb_twice(void) { return CLB_OK; }\n' >"$T/twice.c"
    printf '#include <stdlib.h>\n#define CLB_MALLOC(n) malloc(n)\n#define CLB_REALLOC(p, n) realloc(p, n)\n#define CLB_FREE(p) free(p)\n#define CLB_ASSERT(x) ((void)(x))\n#include "one.c"\n' >"$T/own.c"
    for cc in gcc clang; do
        have $cc || { echo "skip  $cc is not here"; continue; }
        for single in "" -DCLB_SINGLE; do
            for std in c99 c11 c17; do
                for option in "" -DCLB_STATIC -DCLB_NO_STDIO -DCLB_NO_SIMD; do
                    try "$cc $std $single $option" $cc -std=$std $WARN $C_ONLY $single $option -fsyntax-only -I. "$T/one.c"
                done
            done
            try "$cc c99 $single own allocator and assert" $cc -std=c99 $WARN $C_ONLY $single -fsyntax-only -I. "$T/own.c"
            try "$cc c99 $single included three times" $cc -std=c99 $WARN $C_ONLY $single -fsyntax-only -I. "$T/twice.c"
            try "$cc c++17 $single" $cc -x c++ -std=c++17 -Wall -Wextra -Wconversion -Wshadow -Werror $single -fsyntax-only -I. "$T/one.c"
            try "$cc c++17 $single static" $cc -x c++ -std=c++17 -Wall -Wextra -Wconversion -Wshadow -Werror $single -DCLB_STATIC -fsyntax-only -I. "$T/one.c"
        done
        printf '#define CLB_STATIC\n#define CLB_IMPLEMENTATION\n#include "clb.h"\nint other(void);\nint other(void) { return CLB_OK; }\n' >"$T/a.c"
        printf '#define CLB_STATIC\n#define CLB_IMPLEMENTATION\n#include "clb.h"\nint other(void);\nint main(void) { return other(); }\n' >"$T/b.c"
        try "$cc two files, static" $cc -std=c99 -I. -o "$T/two" "$T/a.c" "$T/b.c" -lm
        printf '#include "clb.h"\nint main(void) { clb_net net = CLB_ZERO; clb_net_free(&net); return 0; }\n' >"$T/user.c"
        try "$cc two files, one implementation" $cc -std=c99 -I. -o "$T/two" "$T/user.c" -x c "$T/twice.c" -lm
    done
    printf '#define CLB_MALLOC(n) malloc(n)\n#include "clb.h"\n' >"$T/half.c"
    if cc -fsyntax-only -I. "$T/half.c" 2>/dev/null; then echo "FAIL  half an allocator is accepted"; failed=1; else echo "ok    half an allocator is refused"; fi
    if cc -ffast-math -fsyntax-only -I. "$T/one.c" 2>/dev/null; then echo "FAIL  -ffast-math is accepted"; failed=1; else echo "ok    -ffast-math is refused"; fi
fi

if want sanitize; then
    for t in tests/t_*.c; do
        n=$(basename "$t" .c)
        try "build $n with sanitizers" ${CC:-cc} -std=c99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -o "$T/$n" "$t" -lm
        try "run $n with sanitizers" "$T/$n"
        rm -f "$T/$n"
    done
fi

if want single; then
    for t in tests/t_*.c; do
        n=$(basename "$t" .c)
        try "build $n in float" ${CC:-cc} -std=c99 -O2 -DCLB_SINGLE -o "$T/$n" "$t" -lm
        try "run $n in float" "$T/$n"
    done
fi

if want bytes; then
    first=
    for cc in gcc clang; do
        have $cc || continue
        for flags in "-O0" "-O2" "-O3 -march=native" "-std=c99 -O2 -fopenmp"; do
            $cc $flags -o "$T/e05" examples/e05_drift_scaling.c -lm 2>/dev/null || { echo "skip  $cc $flags"; continue; }
            "$T/e05" --quick --seeds 42,7 --lrs 0.01,0.5 -q --out "$T/r"
            sed '/"environment"/d' "$T/r/E05.json" >"$T/r.json"; cat "$T/r/E05_drift.svg" >>"$T/r.json"
            if [ -z "$first" ]; then first=$T/first.json; cp "$T/r.json" "$first"; fi
            try "same bytes: $cc $flags" cmp "$first" "$T/r.json"
        done
    done
fi

if want report; then
    browser=
    for b in chromium chromium-browser google-chrome; do have $b && { browser=$b; break; }; done
    if [ -z "$browser" ] || ! [ -x build/clb_tables ]; then echo "skip  report in a browser"
    else
        build/clb_tables run --quick --only E5,M9 --seeds 42 -q --out "$T/results" && build/clb_tables report --out "$T/report.html" "$T/results"
        "$browser" --headless --no-sandbox --disable-gpu --dump-dom "file://$T/report.html" >"$T/dom.html" 2>/dev/null
        try "report: Table 1 in the browser" grep -q 'href="#E05"' "$T/dom.html"
        try "report: figures in the browser" grep -q '<svg' "$T/dom.html"
        try "report: figures closed properly" sh -c "[ \$(grep -o '<svg' '$T/dom.html' | wc -l) -eq \$(grep -o '</svg>' '$T/report.html' | wc -l) ]"
        for width in 1280 400; do
            "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=$width,1200 --screenshot="$T/$width.png" "file://$T/report.html" >/dev/null 2>&1
            try "report: drawn at $width pixels" test -s "$T/$width.png"
        done
    fi
fi
exit $failed

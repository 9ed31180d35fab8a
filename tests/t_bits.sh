#!/bin/sh
# The bits of the library against those that tests/bits.txt has for this results version.
#   sh tests/t_bits.sh          environment: CC, BUILD (where "make" left libclb.a)
#   sh tests/t_bits.sh write    makes tests/bits.txt anew: only with another CLB_RESULTS_VERSION
LC_ALL=C
export LC_ALL
CC=${CC:-cc}
BUILD=${BUILD:-build}
section=double
case $BUILD in *single*) section=single DEFINES="$DEFINES -DCLB_SINGLE" ;; esac
case " $CFLAGS $DEFINES " in *CLB_NO_FMA*) echo "other arithmetic: the bits of CLB_NO_FMA are not kept"; exit 0 ;; esac
out=$BUILD/bits.$section
# The library was built with OpenMP where the compiler has it.
# shellcheck disable=SC2086
build() { $CC -std=c99 -O2 $DEFINES "$@" -DCLB_DECLARATIONS_ONLY -o "$BUILD/bits" tests/bits.c "$BUILD/libclb.a" -lm; }
build -fopenmp 2>/dev/null || build || exit 1
"$BUILD/bits" | sed "s/^/$section /" >"$out" || exit 1
if [ "$1" = write ]; then
    { grep -v "^$section " tests/bits.txt; cat "$out"; } | sort >"$out.new" && mv "$out.new" tests/bits.txt
    exit
fi
sort "$out" >"$out.sorted"
if grep "^$section " tests/bits.txt | sort | diff - "$out.sorted"; then
    echo "$(wc -l <"$out") lines of bits, all as kept"
    exit 0
fi
echo "bits moved: raise CLB_RESULTS_VERSION (once a release), say in CHANGELOG.md what moves, then: sh tests/t_bits.sh write"
exit 1

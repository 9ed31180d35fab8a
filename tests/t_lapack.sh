#!/bin/sh
# Eigenvalues against an installed LAPACK; nothing to do where there is none.
#   sh tests/t_lapack.sh        environment: CC, BUILD (where "make" left libclb.a), DEFINES
CC=${CC:-cc}
BUILD=${BUILD:-build}
case $BUILD in *single*) DEFINES="$DEFINES -DCLB_SINGLE" ;; esac
# The library was built with OpenMP where the compiler has it.
# shellcheck disable=SC2086
build() { $CC -std=c99 -O2 $DEFINES -DCLB_DECLARATIONS_ONLY -o "$BUILD/lapack_eigen" tests/lapack_eigen.c "$BUILD/libclb.a" "$@" -lm; }
for lib in -llapack -lopenblas; do
    if build -fopenmp $lib 2>/dev/null || build $lib 2>/dev/null; then
        OPENBLAS_NUM_THREADS=1 "$BUILD/lapack_eigen"
        exit
    fi
done
echo "no LAPACK found: skipped"

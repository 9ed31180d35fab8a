#!/bin/sh
# Build and run the benchmark with the peers that this machine has. Arguments go to the program (see bench.c).
# clb is compiled with -O2 alone; the C peers' own loops with everything the compiler has.
set -e
CC=${CC:-cc}
BUILD=${BUILD:-build}
here=$(dirname "$0")
mkdir -p "$BUILD"
export OPENBLAS_NUM_THREADS=1 BLIS_NUM_THREADS=1 OMP_NUM_THREADS=1
unset OPENBLAS_VERBOSE GOTO_NUM_THREADS OPENBLAS_DEFAULT_NUM_THREADS

XSMM=
for flags in "-lxsmm -lxsmmnoblas"; do
    if printf '#include <libxsmm.h>\nint main(void){libxsmm_init();return 0;}\n' |
        $CC -x c -o "$BUILD/bench_probe" - $flags -ldl -lpthread -lm 2>/dev/null; then
        XSMM="-DBENCH_XSMM"; XSMM_LIBS=$flags
    fi
done
rm -f "$BUILD/bench_probe"
CXX=${CXX:-c++}
EIGEN= EIGEN_LIBS= EIGEN_OBJECT=
for include in "" -I/usr/include/eigen3; do
    # shellcheck disable=SC2086
    if $CXX -std=c++17 -O3 -march=native -DNDEBUG $include -c -o "$BUILD/bench_eigen.o" "$here/bench_eigen.cpp" 2>/dev/null; then
        EIGEN=-DBENCH_SPECTRA EIGEN_LIBS=-lstdc++ EIGEN_OBJECT=$BUILD/bench_eigen.o
        break
    fi
done
for python in ${BENCH_PYTHON:-python3 /usr/bin/python3}; do
    if $python -c 'import torch' 2>/dev/null; then
        export BENCH_PYTHON=$python BENCH_TORCH=$here/bench_torch.py
        break
    fi
done

$CC -std=c99 -O2 -c -o "$BUILD/bench_double.o" "$here/bench_part.c"
$CC -std=c99 -O2 -DCLB_SINGLE -c -o "$BUILD/bench_single.o" "$here/bench_part.c"
# linked without -ffast-math, which would make the whole process flush subnormal numbers to zero
$CC -std=gnu99 -O3 -march=native -ffast-math $XSMM $EIGEN -c -o "$BUILD/bench_main.o" "$here/bench.c"
$CC -o "$BUILD/bench" "$BUILD/bench_main.o" "$BUILD/bench_double.o" "$BUILD/bench_single.o" $EIGEN_OBJECT $XSMM_LIBS $EIGEN_LIBS -ldl -lpthread -lm
. "$here/bench_choose.sh"
PROBE="$BUILD/bench --probe"
choose openblas OPENBLAS_CORETYPE Haswell Zen SkylakeX Cooperlake SapphireRapids
choose blis BLIS_ARCH_TYPE 0 3 6 7 8         # Skylake with AVX-512, Haswell, Zen 3, Zen 2, Zen
"$BUILD/bench" --json "$BUILD/bench.json" --markdown "$BUILD/bench.md" "$@" || exit

# several threads: wall time, with OpenMP, whose threads sleep while they wait, since a neighbour may need the processor
unset OPENBLAS_NUM_THREADS BLIS_NUM_THREADS OMP_NUM_THREADS
export OMP_WAIT_POLICY=passive
export BENCH_TORCH_THREADS=$here/bench_threads_torch.py
for single in "" -DCLB_SINGLE; do
    $CC -std=c99 -O2 -fopenmp $single -o "$BUILD/bench_threads" "$here/bench_threads.c" -lm || exit 0
    "$BUILD/bench_threads" "$@" || exit
done

#!/bin/sh
# Everything that needs more than one build: the compiler matrix, every option macro, the header in every role, the
# sanitizers, valgrind, single precision, other processors under emulation, and the same bits from all of them.
#
#   sh tests/build.sh [GROUP...]     groups: warnings units windows freestanding isa emulate report results sanitize
#                                           single macros valgrind matrix tables legs faults fuzz
#
# JOBS=N       jobs at a time (default: all processors)
# BUDGET=S     no job starts after S seconds or ends a minute later (default: no limit); jobs left out are named.
#              What matters most comes first, whatever the order of the groups.
# VERBOSE=1    name what passes too, with its seconds
# What is not installed, or does not work, is skipped and said. The last line counts; status 1 if anything failed.
set -u
begun=$(date +%s)
cd "$(dirname "$0")/.." || exit 2
exec </dev/null
unset CLB_ISA MAKEFLAGS MFLAGS
export LC_ALL=C
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
work=$(mktemp -d "${TMPDIR:-/tmp}/clb_build.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/jobs"
: > "$work/log"
count=0 skipped=0 rank=5
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wcast-qual -Wundef \
-Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror"
strict_cpp="-Wall -Wextra -Wconversion -Wshadow -Werror"

have() { command -v "$1" >/dev/null 2>&1; }
skip() { skipped=$((skipped + 1)); echo "skip $1"; }
limited() {                                       # limited SECONDS COMMAND...
    if command -v timeout >/dev/null 2>&1; then timeout -k 5 "$@"; else shift; "$@"; fi
}
# works "COMPILE" ["RUN"]: does a program built so run here? A half installed or forbidden tool is no failure of ours.
works() {
    # shellcheck disable=SC2086
    printf '#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\nint main(int n, char **v)\n{ char *p = (char *)malloc(9); \
puts(v[0] + (sqrt(n) > 9)); free(p); return 0; }\n' > "$work/works.c" && rm -f "$work/works" &&
        limited 60 $1 -o "$work/works" "$work/works.c" -lm >/dev/null 2>&1 &&
        limited 60 ${2:-} "$work/works" >/dev/null 2>&1
}
compilers=
for c in gcc clang; do if have $c && works $c; then compilers="$compilers $c"; else skip "$c (not installed)"; fi; done
cpp() { case $1 in gcc) echo g++ ;; clang) echo clang++ ;; esac; }
cplusplus=
for c in $compilers; do
    if have "$(cpp "$c")" && works "$(cpp "$c") -x c++"; then cplusplus="$cplusplus $c "; else skip "$(cpp "$c") (not installed)"; fi
done
has_cpp() { case $cplusplus in *" $1 "*) true ;; *) false ;; esac; }
# One job: its name, and a shell command. $o is a name of its own for files. Small ranks run first.
job() {
    count=$((count + 1))
    o=$work/$count
    name=$1
    shift
    printf '# %s\no=%s\n. %s/library.sh\n%s\n' "$name" "$o" "$work" "$*" > "$work/jobs/$rank$(printf %04d $count).sh"
}
# For jobs: "library NAME COMPILER FLAG..." makes $work/NAME.a, the implementation and what tests/library.h describes, if no
# job has; the first that needs it makes it, others wait. Programs that link it are compiled with $declare.
declare=-DCLB_DECLARATIONS_ONLY
cat > "$work/library.sh" <<END
library() {
    made=$work/\$1
    shift
    if mkdir "\$made.begun" 2>/dev/null; then
        { "\$@" -c -o "\$made.o" tests/library.c && "\$@" -c -o "\$made.alloc.o" tests/plain_alloc.c &&
            ar rc "\$made.part" "\$made.o" "\$made.alloc.o" && mv "\$made.part" "\$made.a"; } || : > "\$made.failed"
    fi
    until [ -e "\$made.a" ]; do [ ! -e "\$made.failed" ] || return 1; sleep 1; done
}
END

# A program that is right if the self-test says so, or if it says that something is wrong and the build line, too.
contract="cat > \$o.c <<'END'
#define CLB_IMPLEMENTATION
#define CLB_STATIC
#include \"clb.h\"
int main(void)
{
    const char *what;
    int exact = clb_exp(1.0) == 0x1.5bf0a8b14576ap+1 && clb_exp(-700.0) == 0x1.14f2b0fb9307fp-1010;
    clb_status status = clb_selftest(&what);
    printf(\"%s; %s\\n\", clb_build_info(), what);
    return status == CLB_OK ? !exact : strstr(clb_build_info(), \"contract broken\") == NULL;
}
END"

# The header in every role.
group_units() {
    for c in $compilers; do
        for lang in "$c -x c -std=c99 $strict" "$(cpp $c) -x c++ -std=c++17 $strict_cpp"; do
            case $lang in *c++17*) has_cpp "$c" || continue ;; esac
            file="-c -o \$o.o -"
            job "header alone: ${lang%% -W*}" "echo '#include \"clb.h\"' | $lang -I. $file"
            job "included twice: ${lang%% -W*}" "printf '#include \"clb.h\"\n#define CLB_IMPLEMENTATION\n#include \
\"clb.h\"\n#include \"clb.h\"\n' | $lang -I. $file"
            job "after other headers: ${lang%% -W*}" "printf '#include <assert.h>\n#include <complex.h>\n#include \
<math.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <time.h>\n#define \
CLB_IMPLEMENTATION\n#include \"clb.h\"\n' | $lang -I. $file"
        done
        job "two files, one implementation: $c" "printf '#define CLB_IMPLEMENTATION\n#include \"clb.h\"\n' > \$o.a.c
printf '#include \"clb.h\"\nint main(void) { return clb_exp(0.0) == 1.0 ? 0 : 1; }\n' > \$o.b.c
$c -std=c99 -I. -o \$o \$o.a.c \$o.b.c -lm && \$o"
        job "two files, each with its own (CLB_STATIC): $c" "printf '#define CLB_STATIC\n#define CLB_IMPLEMENTATION\n\
#include \"clb.h\"\ndouble other(void);\ndouble other(void) { return clb_exp(0.0); }\n' > \$o.a.c
printf '#define CLB_STATIC\n#define CLB_IMPLEMENTATION\n#include \"clb.h\"\ndouble other(void);\nint main(void) { \
return clb_exp(0.0) == other() ? 0 : 1; }\n' > \$o.b.c
$c -std=c99 $strict -I. -o \$o \$o.a.c \$o.b.c -lm && \$o"
        job "only clb_ names leave the object: $c" "printf '#define CLB_IMPLEMENTATION\n#include \"clb.h\"\n' | \
$c -std=c99 -I. -x c -c -o \$o.o - && ! nm -g --defined-only \$o.o | awk '{ print \$3 }' | grep -v '^clb_'"
        job "only CLB_ macros leave the header: $c" "printf '#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n' \
| $c -std=c99 -dM -E - | sort > \$o.before
echo '#include \"clb.h\"' | $c -std=c99 -I. -dM -E - | sort > \$o.after
! comm -13 \$o.before \$o.after | awk '{ print \$2 }' | grep -v '^CLB'"
        job "-ffast-math is refused: $c" "! echo '#include \"clb.h\"' | $c -ffast-math -I. -x c -fsyntax-only - && \
echo '#include \"clb.h\"' | $c -ffast-math -DCLB_ALLOW_FAST_MATH -I. -x c -fsyntax-only -"
        for flag in -funsafe-math-optimizations "-fassociative-math -fno-signed-zeros -fno-trapping-math" -freciprocal-math \
            -ffinite-math-only -fsingle-precision-constant -ffp-contract=fast; do
            job "refused, kept or told: $c $flag" "$contract
if $c -std=c99 -O2 $flag -DCLB_NO_AVX512 -I. -o \$o \$o.c -lm 2>\$o.err; then \$o; else grep -q 'clb.h' \$o.err; fi"
        done
        job "files of different precision do not link: $c" "printf '#include \"clb.h\"\nint main(void) { return \
clb_exp(0.0) == 1.0 ? 0 : 1; }\n' > \$o.c
printf '#define CLB_IMPLEMENTATION\n#include \"clb.h\"\n' | $c -std=c99 -O0 -I. -x c -c -o \$o.impl.o - || exit 1
$c -std=c99 -I. -o \$o \$o.c \$o.impl.o -lm || exit 1
! $c -std=c99 -DCLB_SINGLE -I. -o \$o \$o.c \$o.impl.o -lm 2>\$o.err && grep -q clb_real_is_float \$o.err"
        job "names of windows.h are free: $c" "echo '#include \"clb.h\"' | $c -std=c99 -Dsmall=char -Dnear= -Dfar= -DNEAR= \
-DFAR= -Dinterface=struct -DIN= -DOUT= -DCLB_IMPLEMENTATION -I. -x c -fsyntax-only -"
        job "a header of another name: $c" "mkdir \$o.d && cp clb.h \$o.d/other.h &&
printf '#define CLB_IMPLEMENTATION\n#define CLB_STATIC\n#include \"other.h\"\nint main(void) { return clb_exp(0.0) != 1.0; }\n' > \$o.d/a.c
$c -std=c99 -O0 '-DCLB_HEADER_NAME=\"other.h\"' -o \$o \$o.d/a.c -lm && \$o"
        job "public names in a shared object: $c" "printf '#include \"clb.h\"\n' | $c -std=c99 -O0 -fPIC -shared \
-fvisibility=hidden '-DCLB_API=__attribute__((visibility(\"default\")))' -DCLB_IMPLEMENTATION -I. -x c -o \$o.so - -lm &&
nm -D --defined-only \$o.so | grep -q ' T clb_train'"
        job "a thread of 128 KiB multiplies: $c" "printf '%s\n' '#include \"clb.h\"' '#include <pthread.h>' \
'static double A[512 * 512], B[512 * 512], C[512 * 512];' \
'static void *run(void *p) { clb_matmul_nn(512, 512, 512, A, 512, B, 512, C, 512); return p; }' \
'int main(void) { pthread_attr_t a; pthread_t t; pthread_attr_init(&a); pthread_attr_setstacksize(&a, 131072);' \
'return pthread_create(&t, &a, run, 0) || pthread_join(t, 0); }' > \$o.c
$c -std=c99 -O0 -DCLB_IMPLEMENTATION -DCLB_STATIC -D_POSIX_C_SOURCE=200112L -I. -o \$o \$o.c -lpthread -lm && \$o"
        job "one of three allocation macros is refused: $c" "! echo '#include \"clb.h\"' | \
$c '-DCLB_MALLOC(n)=0' -I. -x c -fsyntax-only -"
    done
}

# Windows: clang for Microsoft's target, with stand-ins for its C headers; what its own compiler is told about contraction.
group_windows() {
    mkdir -p "$work/windows"
    for h in assert intrin malloc; do : > "$work/windows/$h.h"; done
    echo '#define assert(x) ((void)0)' > "$work/windows/assert.h"
    printf '#define NAN __builtin_nanf("")\n#define INFINITY __builtin_inff()\n' > "$work/windows/math.h"
    cat > "$work/windows/stdio.h" <<'END'
typedef struct FILE FILE;
#define EOF (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
FILE *fopen(const char *, const char *);
END
    printf '#include <stddef.h>\nvoid *malloc(size_t), *realloc(void *, size_t), free(void *), *bsearch();\nchar *getenv(const char *);\n' \
        > "$work/windows/stdlib.h"
    printf '#include <stddef.h>\nchar *strchr(const char *, int), *strstr(const char *, const char *), *strpbrk();\n' > "$work/windows/string.h"
    printf '#define CLB_IMPLEMENTATION\n#include "clb.h"\n' > "$work/windows/clb.c"
    case $compilers in
        *clang*) for d in "" -DCLB_SINGLE; do
            job "clang for Windows $d" "clang --target=x86_64-pc-windows-msvc -std=c99 -w -O0 $d -I. -isystem $work/windows -c \
-o \$o.o $work/windows/clb.c && nm \$o.o | grep -q 'clbi_dot_avx512'"
        done ;;
        *) skip "clang (not installed): the header for Windows" ;;
    esac
    case $compilers in
        *gcc*) job "Microsoft's compiler is told not to fuse" "gcc -E -nostdinc -isystem $work/windows \
-isystem $(gcc -print-file-name=include) -U__GNUC__ -D_MSC_VER=1930 -D_WIN32 -I. $work/windows/clb.c |
awk '/^#pragma fp_contract\\(off\\)/ { off = NR } /^#pragma fp_contract\\(on\\)/ { on = NR }
/ clb_[a-z_]+\\(/ { last = NR } /^ *extern const char \\*clb_strerror/ { first = NR }
END { exit !(off && off < first && last < on) }'" ;;
    esac
}

# Without a C library: no header but the compiler's own, every function by a macro or by the linker, the bits of any other build.
# The four functions of memory that compilers call by themselves may be left.
group_freestanding() {
    allocator="'-DCLB_MALLOC(n)=own_malloc(n)' '-DCLB_REALLOC(p,n)=own_realloc(p,n)' '-DCLB_FREE(p)=own_free(p)'"
    libc="-include stdlib.h '-DCLB_MALLOC(n)=malloc(n)' '-DCLB_REALLOC(p,n)=realloc(p,n)' '-DCLB_FREE(p)=free(p)'"
    names="strlen(a) memcpy(a,b,c) memmove(a,b,c) memset(a,b,c) memcmp(a,b,c) strchr(a,b) qsort(a,b,c,d) sqrt(a) fabs(a) floor(a) ceil(a)
round(a) fmin(a,b) fmax(a,b) frexp(a,b) ldexp(a,b)"
    mkdir -p "$work/empty"
    : > "$work/empty/limits.h"                    # the one that gcc's <limits.h> goes on to
    cat > "$work/free.c" <<'END'
#include <stddef.h>
void *own_malloc(size_t n), *own_realloc(void *p, size_t n), own_free(void *p);
void *own_memcpy(void *a, const void *b, size_t c), *own_memmove(void *a, const void *b, size_t c);
void *own_memset(void *a, int b, size_t c);
void own_qsort(void *a, size_t b, size_t c, int (*d)(const void *, const void *));
char *own_strchr(const char *a, int b);
int own_memcmp(const void *a, const void *b, size_t c);
size_t own_strlen(const char *a);
double own_sqrt(double a), own_fabs(double a), own_floor(double a), own_ceil(double a), own_round(double a);
double own_fmin(double a, double b), own_fmax(double a, double b);
double own_frexp(double a, int *b), own_ldexp(double a, int b);
#define CLB_IMPLEMENTATION
#include "clb.h"
END
    macros=
    for f in $names; do macros="$macros '-D$f=own_$f'"; done
    for c in $compilers; do
        alone="$c -std=c99 $strict -ffreestanding -nostdinc -isystem $($c -print-file-name=include) -isystem $work/empty -I."
        job "freestanding, functions by macros: $c" "$alone -DCLB_FREESTANDING $allocator $macros -c -o \$o.o $work/free.c &&
! nm -u \$o.o | grep -vE ' (own_.*|mem(cpy|move|set|cmp)|_GLOBAL_OFFSET_TABLE_)\$'"
        for d in "" -DCLB_SINGLE -DCLB_NO_FMA; do
            case $d in *SINGLE) want=single ;; *FMA) want=nofma ;; *) want=double ;; esac
            job "freestanding bits: $c $d" "$c -std=c99 $strict -O1 -DCLB_FREESTANDING $libc $d -o \$o tests/bits.c -lm && \
\$o | diff $work/bits.$want -"
        done
        job "freestanding without an allocator is refused: $c" "! $c -std=c99 -DCLB_FREESTANDING -I. -c -o \$o.o $work/free.c 2>\$o.err &&
grep -q CLB_MALLOC \$o.err"
    done
    case $compilers in
        *clang*) job "freestanding: WebAssembly" "clang --target=wasm32 -std=c99 $strict -DCLB_FREESTANDING -DCLB_NO_FMA $allocator -I. \
-c -o \$o.o $work/free.c" ;;
        *) skip "clang (not installed): the header for WebAssembly" ;;
    esac
}

# The header, every program and every test under the strict warnings, in both precisions.
group_warnings() {
    extra="-Wswitch-enum -Wbad-function-cast -Wc++-compat"
    job "more warnings: gcc" "echo '#include \"clb.h\"' | gcc -std=c99 $strict $extra -Wduplicated-branches \
-DCLB_IMPLEMENTATION -I. -x c -fsyntax-only -"
    for c in $compilers; do               # some warnings are found by optimising only
        for o in -O1 -O2 -O3; do job "warnings: $c $o" "$c -std=c99 $strict $o -c -o \$o.o tests/library.c"; done
        for d in "" -DCLB_SINGLE; do
            for s in "" -DCLB_STATIC; do
                job "warnings: $c $d $s clb.h" "echo '#include \"clb.h\"' | $c -std=c99 $strict $d $s -DCLB_IMPLEMENTATION -I. \
-x c -fsyntax-only -"
            done
            for folder in examples examples/beyond tools tools/page tests tests/fuzz; do
                job "warnings: $c $d $folder" "for f in $folder/*.c; do $c -std=c99 $strict $d $declare -fsyntax-only \$f || exit 1; done"
            done
        done
    done
}

# Standards, compilers and levels of optimisation: every build computes the same bits.
group_matrix() {
    for c in $compilers; do
        for how in "-std=c99 -O0" "-std=c11 -O2" "-std=c17 -O3 -march=native" "-std=c99 -Os"; do
            job "bits: $c $how" "$c $how $strict -o \$o tests/bits.c -lm && \$o | diff $work/bits.double -"
        done
        has_cpp "$c" || continue
        p=$(cpp $c)
        for how in "-std=c++17 -O0" "-std=c++17 -O3 -march=native" "-std=c++20 -O1"; do
            job "bits: $p $how" "$p -x c++ $how $strict_cpp -o \$o tests/bits.c -lm && \$o | diff $work/bits.double -"
        done
    done
}

# Every instruction set that this processor has, in both precisions.
group_isa() {
    for c in $compilers; do
        for d in double single; do
            case $d in double) m= ;; single) m=-DCLB_SINGLE ;; esac
            job "bits: $c, every CLB_ISA, $d" "$c -std=c99 -O2 $m -o \$o tests/bits.c -lm || exit 1
for isa in scalar avx2 avx512 neon; do CLB_ISA=\$isa \$o | diff $work/bits.$d - || { echo \$isa; exit 1; }; done"
        done
    done
}

# The option macros. Most change no bit; single precision and unfused arithmetic have bits of their own.
group_macros() {
    for c in $compilers; do
        for d in -DCLB_NO_SIMD "-DCLB_NO_SIMD -DCLB_OWN_FMA" -DCLB_NO_AVX512 -DCLB_STATIC -DCLB_NO_STDIO -DCLB_ALLOW_FAST_MATH "'-DCLB_ASSERT(x)=((void)0)'" \
            "'-DCLB_MALLOC(n)=malloc(n)' '-DCLB_REALLOC(p,n)=realloc(p,n)' '-DCLB_FREE(p)=free(p)'"; do
            job "bits: $c $d" "$c -std=c99 $strict -O1 $d -o \$o tests/bits.c -lm && \$o | diff $work/bits.double -"
        done
        for d in "" -DCLB_NO_SIMD "-DCLB_NO_SIMD -DCLB_OWN_FMA" -DCLB_NO_AVX512 -DCLB_STATIC "-O3 -march=native"; do
            job "bits: $c -DCLB_SINGLE $d" "$c -std=c99 $strict -O1 -DCLB_SINGLE $d -o \$o tests/bits.c -lm && \
\$o | diff $work/bits.single -"
            job "bits: $c -DCLB_NO_FMA $d" "$c -std=c99 $strict -O1 -DCLB_NO_FMA $d -o \$o tests/bits.c -lm && \
\$o | diff $work/bits.nofma -"
        done
        has_cpp "$c" || continue
        p=$(cpp $c)
        job "bits: $p -DCLB_SINGLE" "$p -x c++ -std=c++17 $strict_cpp -O1 -DCLB_SINGLE -o \$o tests/bits.c -lm && \
\$o | diff $work/bits.single -"
    done
}

# Every test once more in single precision.
group_single() {
    for t in tests/t_*.c; do
        job "single: $t" "library single cc -std=c99 -O2 -DCLB_SINGLE && \
cc -std=c99 -O1 -DCLB_SINGLE $declare -o \$o $t \$made.a -lm && \$o"
    done
}
# clang's checks see more and its code is faster; gcc's where clang has none. Leaks are looked for where that is allowed.
group_sanitize() {
    san=
    all="-fsanitize=address,undefined -fno-sanitize-recover=all"
    for c in clang gcc; do
        for run in "" "env ASAN_OPTIONS=detect_leaks=0" "setarch -R env ASAN_OPTIONS=detect_leaks=0"; do
            works "$c $all" "$run" && { san="$c -std=c99 -g1 $all" san_run=$run; break 2; }
        done
    done
    [ -n "$san" ] || { skip "sanitizers (not installed)"; return; }
    for t in tests/t_*.c; do
        case $t in                     # optimised where that pays, and with one set of wide kernels less
        *t_theory.c) rank=9 lib="san1 $san -O1 -DCLB_NO_AVX512" ;;
        *t_flow.c|*t_laws.c|*t_eigen.c|*t_derivs.c|*t_train.c) rank=7 lib="san1 $san -O1 -DCLB_NO_AVX512" ;;
        *t_kernels.c) rank=7 lib="san0 $san -O0" ;;
        *) rank=3 lib="san0 $san -O0" ;;
        esac
        job "asan, ubsan: $t" "library $lib && ${lib#* } $declare -o \$o $t \$made.a -lm && $san_run \$o"
    done
    printf '%s\n' '#include "private.h"' 'int main(int n, char **v) { (void)v; return !test_room(40, n > 1); }' > "$work/room.c"
    job "asan: an array is overrun into the next of its allocation" "cat tests/library.c $work/room.c > \$o.c
$san -O0 -Itests -o \$o \$o.c tests/plain_alloc.c -lm && $san_run \$o && ! $san_run \$o overrun 2>\$o.err &&
grep -q use-after-poison \$o.err"
    rank=3                             # what is read past the end of a matrix shows here, long before all of t_kernels.c is through
    job "asan, ubsan: tests/t_kernels.c, larger shapes" "$san -O0 -o \$o tests/t_kernels.c -lm && $san_run \$o t_matmul_larger_shapes"
    thread="${san%% *} -std=c99 -g1 -O1 -fsanitize=thread -pthread"
    case $san_run in "") race=;; *) race="setarch -R" ;; esac
    if works "$thread" "$race"; then job "tsan: tests/t_threads.c" "$thread -DCLB_NO_AVX512 -o \$o tests/t_threads.c -lm && $race \$o"
    else skip "ThreadSanitizer (not installed)"; fi
    job "asan, ubsan: tests/bits.c" "$san -O0 -o \$o tests/bits.c -lm && $san_run \$o | diff $work/bits.double -"
    job "asan, ubsan: tests/bits.c -DCLB_SINGLE" "$san -DCLB_SINGLE -o \$o tests/bits.c -lm || exit 1
$san_run \$o | diff $work/bits.single -"
}
group_valgrind() {
    have valgrind && works "cc" "valgrind -q" || { skip "valgrind (not installed)"; return; }
    for t in tests/t_data.c tests/t_alloc.c tests/bits.c; do
        job "valgrind: $t" "library plain cc -std=c99 -O1 -g && cc -std=c99 -O1 -g $declare -o \$o $t \$made.a -lm && \
valgrind -q --leak-check=full --error-exitcode=9 \$o"
    done
}

# Other processors: 64-bit ARM (NEON), and one that stores the most significant byte first.
group_emulate() {
    # 32 bits: other sizes of pointers, and doubles that are only 4-aligned on x86
    rank=3
    m32="gcc -m32 -msse2 -mfpmath=sse -isystem /usr/include/x86_64-linux-gnu"
    if have gcc && works "$m32"; then
        for d in "" -DCLB_SINGLE; do
            case $d in *SINGLE) want=single ;; *) want=double ;; esac
            job "bits: x86 of 32 bits $d" "$m32 -std=c99 $strict $d -O2 -o \$o tests/bits.c -lm && \$o | diff $work/bits.$want -"
        done
        for t in t_data t_net t_train t_weights t_alloc t_direct t_objects; do
            job "tests/$t.c: x86 of 32 bits" "library m32 $m32 -std=c99 -O2 && $m32 -std=c99 -O1 $declare -o \$o tests/$t.c \$made.a -lm && \$o"
        done
    else
        skip "x86 of 32 bits (gcc-multilib not installed)"
    fi
    arm="arm-linux-gnueabihf-gcc -static"
    if have qemu-arm && works "$arm" qemu-arm; then
        job "bits: ARM of 32 bits" "$arm -std=c99 $strict -O2 -o \$o tests/bits.c -lm && qemu-arm \$o | diff $work/bits.double -"
        job "tests/t_data.c: ARM of 32 bits" "$arm -std=c99 -O2 -o \$o tests/t_data.c -lm && qemu-arm \$o"
    else
        skip "ARM of 32 bits under emulation (not installed)"
    fi
    for cpu in aarch64 s390x; do
        have qemu-$cpu && works "$cpu-linux-gnu-gcc -static" qemu-$cpu || {
            skip "$cpu under emulation (not installed)"
            continue
        }
        case $cpu in aarch64) rank=2 ;; *) rank=6 ;; esac
        job "bits: $cpu" "$cpu-linux-gnu-gcc -std=c99 -O2 -static -o \$o tests/bits.c -lm && qemu-$cpu \$o | diff $work/bits.double -"
        case $cpu in aarch64) rank=5 ;; esac
        job "bits: $cpu -DCLB_SINGLE" "$cpu-linux-gnu-gcc -std=c99 -fexcess-precision=fast -DCLB_SINGLE -O2 -static -o \$o \
tests/bits.c -lm && qemu-$cpu \$o | diff $work/bits.single -"
        job "tests/t_data.c: $cpu" "$cpu-linux-gnu-gcc -std=c99 -O2 -static -o \$o tests/t_data.c -lm && qemu-$cpu \$o"
    done
}

# Compilers and processors that no other group has: tests/legs.txt.
group_legs() {
    while IFS='|' read -r leg compiler rest; do
        leg=${leg% }
        case $leg in '#'*|''|gcc|clang|'ARM of 64 bits'|'S/390, big-endian') continue ;; esac
        # shellcheck disable=SC2086
        set -- $compiler
        have "$1" || { skip "$leg ($1 not installed)"; continue; }
        job "leg: $leg" "NOFMA=$work/bits.nofma sh tests/legs.sh '$leg'"
    done <tests/legs.txt
}

# Mutated inputs, a minute for each target.
group_fuzz() { job "fuzz" "SECONDS_EACH=60 sh tests/fuzz/run.sh"; }

# What faults leave behind, killed 200 times; shards through a batch engine.
group_faults() {
    job "faults" "KILLS=200 sh tests/t_faults.sh"
    job "shards through Slurm" "sh tests/slurm.sh"
}

# An experiment's result file: the same bytes (but for its environment) from every build, schedule and split.
group_results() {
    e=examples/e05_drift_scaling.c
    run="--quick --seeds 42,137 --lrs 0.01,0.1 -q --json -"
    cut="sed '/\"environment\"/d'"
    cc -std=c99 -O2 -o "$work/e05" $e -lm || exit 2
    # shellcheck disable=SC2086
    "$work/e05" $run --threads 1 | sed '/"environment"/d' > "$work/result.json"
    for c in $compilers; do
        for opt in -O1 "-O3 -march=native" "-O2 -DCLB_NO_SIMD"; do
            job "result file: $c $opt" "$c -std=c99 $opt -o \$o $e -lm && \$o $run --threads 1 | $cut | diff $work/result.json -"
        done
        job "result file: $c -fopenmp, 3 threads" "$c -std=c99 -O2 -fopenmp -o \$o $e -lm || exit 0
\$o $run --threads 3 | $cut | diff $work/result.json -"
    done
    for isa in scalar avx2 avx512 neon; do
        job "result file: --isa $isa" "$work/e05 --help >/dev/null; $work/e05 $run --isa $isa > \$o.json || \
{ [ \$? = 2 ] && exit 0; exit 1; }
$cut < \$o.json | diff $work/result.json -"
    done
    job "result file: 3 shards merged" "for i in 0 1 2; do $work/e05 --quick --seeds 42,137 --lrs 0.01,0.1 -q --shard \$i/3 --json \$o.\$i.json || exit 1; done
$work/e05 --from -q --json - \$o.0.json \$o.1.json \$o.2.json | $cut | diff $work/result.json -"
}

# The report as a browser sees it: Table 1, whole figures, nothing wider than a desk's or a telephone's screen, pictures of
# both. The script that measures is added to a copy; the report itself has none. A browser that fails is left out.
group_report() {
    browser=
    for b in chromium chromium-headless-shell chromium-browser google-chrome; do
        have $b || continue
        browser="$b --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=$work/browser"
        limited 60 $browser --dump-dom "data:text/html,<p>works</p>" 2>/dev/null | grep -q works && break
        browser=
    done
    [ -n "$browser" ] || { skip "the report in a browser (not installed)"; return; }
    rank=2
    job "report in a browser" "see() { timeout -k 5 60 $browser \"\$@\" 2>/dev/null; }
build/clb_run --only E5,M9 -q --out \$o.d -- --quick && build/clb_tables report --out \$o.html \$o.d || exit 1
see --dump-dom file://\$o.html > \$o.dom || exit 124
grep -q 'href=\"#E05\"' \$o.dom && grep -q '<svg' \$o.dom || { echo 'no Table 1 or no figure'; exit 1; }
[ \$(grep -o '<svg' \$o.dom | wc -l) -eq \$(grep -o '</svg>' \$o.html | wc -l) ] || { echo 'figures lost'; exit 1; }
{ cat \$o.html; echo '<script>document.title = \"wide \" + document.documentElement.scrollWidth + \" in \" + innerWidth + \
\" end\"</script>'; } > \$o.measure.html
for width in 1280 400; do
    see --hide-scrollbars --window-size=\$width,1200 --screenshot=\$o.\$width.png file://\$o.html >/dev/null || exit 124
    [ -s \$o.\$width.png ] || { echo \"no picture at \$width\"; exit 1; }
    see --hide-scrollbars --window-size=\$width,1200 --dump-dom file://\$o.measure.html > \$o.dom || exit 124
    grep -o 'wide [0-9]* in [0-9]* end' \$o.dom | awk '{ print; ok = \$2 <= \$4 } END { exit !ok }' || exit 1
done"
}

# What is committed is what the programs write: every experiment, the quick ones first.
group_tables() {
    rank=4
    for e in M1,M4,M5,M6,M7,M8,M9,M10,E20 M2 E21 E16 E7 E23 E8 E17 E18 M3 E19 E3 E2 E12 E15 E9 E22 E6 E4 E5 E11 E13 E1 E14 E10; do
        job "tables and figures as committed: $e" "build/clb_run --only $e -q --out \$o.d -- --threads 1 && \
build/clb_tables tables --out \$o.t \$o.d >/dev/null || exit 1
for f in \$o.d/*.svg; do cmp \$f figures/\${f##*/} || exit 1; done
for f in \$o.t/[EM][0-9][0-9].md; do diff tables/\${f##*/} \$f || exit 1; done"
        rank=9
    done
}

groups=${*:-warnings units windows freestanding isa emulate report results sanitize single macros valgrind matrix tables legs faults fuzz}
# What the others are compared with: three contracts, the plainest build of each; and the programs.
plainest() { cc -std=c99 -O2 $2 -o "$work/$1" tests/bits.c -lm && "$work/$1" > "$work/bits.$1"; }
plainest double "" & a=$!
plainest single -DCLB_SINGLE & b=$!
plainest nofma -DCLB_NO_FMA & c=$!
make -s all || { echo "the programs do not build"; echo "0 passed, 1 failed"; exit 1; }
if ! { wait $a && wait $b && wait $c; }; then
    echo "tests/bits.c does not build or run"
    echo "0 passed, 1 failed"
    exit 1
fi
for g in $groups; do
    rank=5
    case $g in
    warnings) rank=1 ;;
    units|windows|isa) rank=2 ;;
    results) rank=4 ;;
    macros|matrix) rank=8 ;;
    legs|faults|fuzz) rank=8 ;;
    emulate|freestanding|report|sanitize|single|valgrind|tables) ;;
    *) echo "tests/build.sh: no group '$g'" >&2; exit 2 ;;
    esac
    group_$g
done

cat > "$work/one" <<'END'
name=$(sed -n '1s/^# //p' "$1")
left=$((DEADLINE - $(date +%s)))                  # a job that has begun gets a minute past the deadline
[ "$left" -ge 0 ] || { echo "late $name"; exit 0; }
if command -v timeout >/dev/null 2>&1; then timeout -k 5 $((left + 60)) sh "$1" > "$1.log" 2>&1; else sh "$1" > "$1.log" 2>&1; fi
status=$?
now=$(date +%s)
o=$(sed -n '2s/^o=//p' "$1")                      # its programs and files go, for a small disk's sake
rm -rf "$o" "$o".*
[ $status -ne 137 ] || [ $((now - DEADLINE)) -lt 60 ] || status=124
case $status in
0) echo "ok   $name ($((now - DEADLINE + left)) s)" ;;
124) echo "late $name" ;;
*) echo "FAIL $name"; tail -n 12 "$1.log" ;;
esac
END
DEADLINE=$((begun + ${BUDGET:-1000000}))
export DEADLINE
find "$work/jobs" -name '*.sh' | sort | xargs -n 1 -P "$jobs" sh "$work/one" | while IFS= read -r line; do
    printf '%s\n' "$line" >> "$work/log"
    case $line in ok*) [ -z "${VERBOSE:-}" ] || printf '%s\n' "$line" ;; *) printf '%s\n' "$line" ;; esac
done
failed=$(grep -c '^FAIL' "$work/log")
late=$(grep -c '^late' "$work/log")
passed=$(grep -c '^ok' "$work/log")
lost=$((count - passed - failed - late))
[ "$lost" -eq 0 ] || { echo "$lost jobs lost"; failed=$((failed + lost)); }
[ "$late" -eq 0 ] || echo "$late left out: BUDGET=${BUDGET:-} seconds"
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

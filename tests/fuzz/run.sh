#!/bin/sh
# Every fuzz target in turn, with the sanitizers. The readers can be tried one by one: CLB_READER=npz (safetensors,
# torch, npy, csv, idx).
#   sh tests/fuzz/run.sh [TARGET...]     environment: MINUTES or SECONDS_EACH for each target, SEED, CC
#                                        COVERAGE=1: lines that were reached instead of the sanitizers (gcc and gcov)
cd "$(dirname "$0")/../.." || exit 2
LC_ALL=C
export LC_ALL
seconds=${SECONDS_EACH:-$((${MINUTES:-5} * 60))} CC=${CC:-cc}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
corpus=$PWD/tests/fuzz/corpus
if [ -n "${COVERAGE:-}" ]; then
    (cd "$work" && gcc -std=c99 -O0 --coverage -o fuzz "$OLDPWD/tests/fuzz/fuzz.c" -lm) || exit 1
elif ! $CC -std=c99 -g1 -O1 -DCLB_NO_AVX512 -fsanitize=address,undefined -fno-sanitize-recover=all -o "$work/fuzz" \
        tests/fuzz/fuzz.c -lm 2>"$work/err"; then
    echo "no sanitizers: $(head -1 "$work/err")"
    $CC -std=c99 -O1 -o "$work/fuzz" tests/fuzz/fuzz.c -lm || exit 1
fi
export ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=abort_on_error=1
failed=0 seed=${SEED:-$(date +%s)}
for target in ${*:-readers deflate pickle log json command matrix}; do
    case $target in readers) files=$(find "$corpus" "$corpus/found" -maxdepth 1 -type f) ;; *) files=$(find "$corpus/$target" -type f) ;; esac
    # shellcheck disable=SC2086
    (cd "$work" && ./fuzz "$target" "$seconds" "$seed" $files) || {
        echo "FAIL $target, SEED=$seed"
        [ ! -e "$work/fault.input" ] || mv "$work/fault.input" "build/$target.fault"
        failed=1
    }
done
if [ -n "${COVERAGE:-}" ]; then
    (cd "$work" && gcov -f ./*.gcda 2>/dev/null) | awk '
        /^Function/ { name = $2 } /^Lines executed/ && name != "" { split($0, part, /[:% ]+/); gsub(/\047/, "", name)
            lines[name] = $NF; share[name] = part[3]; name = "" }
        END { for (f in lines) if (f ~ /(npy|npz|zip|inflate|csv|idx|torch|pickle|_pt_|_st_|safetensors|tensor|chain|json_|doc_|lab_log_)/ &&
                              f !~ /(save|load|write|put|draw|stream|path|slope|_tensors$|npy_start|npy_bits|npz_type|npz_check|lab_npz|lab_tensor|log_column|log_drift|log_sharp|log_read|_find$|json_(reason|decimal|escape|index|read)|doc_read$|doc_count)/) {
                 n += lines[f]; hit += lines[f] * share[f] / 100
                 if (share[f] < 95) printf "  %s: %s %% of %d lines\n", f, share[f], lines[f] }
              printf "readers: %.1f %% of %d lines reached\n", 100 * hit / n, n }'
fi
exit $failed

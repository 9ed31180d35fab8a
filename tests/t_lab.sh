#!/bin/sh
# clb_lab: exit statuses, what a command refuses, and its numbers against each other.
#   sh tests/t_lab.sh        environment: BUILD (where "make" left clb_lab)
BUILD=${BUILD:-build}
LAB=$BUILD/clb_lab
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
# expect STATUS WORDS COMMAND...: the exit status, and the words in what it says
expect() {
    want=$1 words=$2
    shift 2
    "$@" >"$work/said" 2>&1
    got=$?
    if [ $got -ne "$want" ] || ! grep -q -e "$words" "$work/said"; then
        echo "FAIL: $* gave $got (expected $want) and not '$words':"
        head -5 "$work/said"
        failed=1
    fi
}
awk 'BEGIN { srand(1); for (i = 0; i < 60; ++i) { k = i % 3; for (j = 0; j < 4; ++j)
     printf "%.5f,", (j == k) * 2 + rand(); print k } }' >"$work/data.csv"

expect 0 "audit FILES" "$LAB" --help
expect 0 "eigenvalues at each end" "$LAB" spectrum --help
expect 2 "no command 'frob'" "$LAB" frob
expect 2 "audit has no option --k" "$LAB" audit --k 3
expect 2 "spectrum has no option --frob" "$LAB" spectrum --frob=1
expect 2 "'0.1x' is not a value" "$LAB" train --lr 0.1x
expect 2 "needs a value" "$LAB" train --lr
expect 2 "needs data" "$LAB" train
expect 2 "only one of" "$LAB" train --csv a --npz b
expect 3 "cannot open" "$LAB" train --csv "$work/none.csv"
expect 3 "three are needed" "$LAB" audit "$work/data.csv"
expect 4 "cannot write" "$LAB" train --csv "$work/data.csv" --steps 2 --lr 0.1 --out "$work/none"
expect 0 "held out" "$LAB" train --csv "$work/data.csv" --widths 8 --steps 50 --lr 0.1 --out "$work"
expect 0 "sharpness" "$LAB" spectrum "$work/lr_0.1.npz" --csv "$work/data.csv"
expect 0 "memory" "$LAB" spectrum "$work/lr_0.1.npz" --csv "$work/data.csv" --dry-run
expect 0 "valid" "$LAB" predict "$work/lr_0.1.npz" --csv "$work/data.csv" --steps 20
expect 3 "neither NPY" "$LAB" spectrum "$work/data.csv" --csv "$work/data.csv"
expect 3 "runs past the end" "$LAB" spectrum tests/fuzz/corpus/bad_cut.safetensors --csv "$work/data.csv"

# the audit of a run of gradient descent: weights after each of 8 steps, from trainings of each length
mkdir "$work/run"
for t in 1 2 3 4 5 6 7 8; do
    "$LAB" train --csv "$work/data.csv" --widths 8,8 --steps $t --lr 0.1 --out "$work" -q &&
        mv "$work/lr_0.1.npz" "$work/run/step_$t.npz"
done
expect 0 "without momentum" "$LAB" audit "$work/run" --expect momentum=0,decay=0,lr=0.1
expect 1 "momentum is 0" "$LAB" audit "$work/run" --expect momentum=0.9
expect 1 "method is gradient descent, not nesterov" "$LAB" audit "$work/run" --expect method=nesterov
expect 0 '"method": "gradient descent"' "$LAB" audit "$work/run" --json -
expect 2 "is not understood" "$LAB" audit "$work/run" --expect speed=3
mv "$work/run/step_4.npz" "$work"
expect 0 "5 steps" "$LAB" audit "$work/run"
expect 0 "Updates are missing after snapshot 2" "$LAB" audit "$work/run" --renumber
rm "$work/run/step_2.npz" "$work/run/step_6.npz"
expect 0 "1 steps" "$LAB" audit "$work/run"
[ $failed -eq 0 ] && echo "clb_lab: all as expected"
exit $failed

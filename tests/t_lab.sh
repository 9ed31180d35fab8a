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
expect 0 "largest eigenvalues" "$LAB" spectrum --help
expect 2 "no command 'frob'" "$LAB" frob
expect 2 "audit: unknown option --k" "$LAB" audit --k 3
expect 2 "spectrum: unknown option --frob" "$LAB" spectrum --frob=1
expect 2 "bad value '0.1x' for --lr" "$LAB" train --lr 0.1x
expect 2 "value missing for option --lr" "$LAB" train --lr
expect 2 "needs data" "$LAB" train
expect 2 "only one of" "$LAB" train --csv a --npz b
expect 3 "cannot open" "$LAB" train --csv "$work/none.csv"
expect 3 "three are needed" "$LAB" audit "$work/data.csv"
expect 4 "cannot write" "$LAB" train --csv "$work/data.csv" --steps 2 --lr 0.1 --out "$work/data.csv"

# clb_lab train: words, files, and the same bytes by threads, shards and resume
expect 2 "unexpected argument" "$LAB" train --csv "$work/data.csv" extra
expect 2 "rows kept aside" "$LAB" train --csv "$work/data.csv" --validate 0 --patience 3
expect 2 "bad value '0.1,0.1' for --lr" "$LAB" train --csv "$work/data.csv" --lr 0.1,0.1
expect 2 "bad value '8,x' for --widths" "$LAB" train --csv "$work/data.csv" --widths 8,x
expect 0 "The law is kept" "$LAB" train --csv "$work/data.csv" --widths 8 --steps 50 --lr 0.1 --out "$work"
sweep="--csv $work/data.csv --widths 8/4,6 --lr 0.1,6 --seeds 1..2 --steps 60"
$LAB train $sweep -j 1 --out "$work/one" -q || { echo "FAIL: train $sweep"; failed=1; }
for word in "reached at lr 6" "The law is kept" "predicts the drift" "</html>"; do
    grep -q "$word" "$work/one/LAB.html" || { echo "FAIL: no '$word' on the page"; failed=1; }
done
same() { # the same result but for the environment
    grep -v '"environment"' "$work/one/LAB.json" >"$work/a"
    grep -v '"environment"' "$1" | cmp -s "$work/a" - || { echo "FAIL: $1 differs"; failed=1; }
}
$LAB train $sweep -j 2 --out "$work/two" -q && same "$work/two/LAB.json"
$LAB train $sweep --json - --out "$work/two" >"$work/said.json" && same "$work/said.json"
for i in 0 1 2; do $LAB train $sweep --shard $i/3 --out "$work/parts" -q || failed=1; done
$LAB train $sweep --out "$work/parts" -q --from "$work"/parts/LAB.shard-*.json && same "$work/parts/LAB.json"
# a result that could not be written; three of its runs are still there when it is resumed
mkdir -p "$work/half/LAB.json"
expect 4 "cannot write $work/half/LAB.json" "$LAB" train $sweep --out "$work/half" -q
rmdir "$work/half/LAB.json"
head -4 "$work/half/LAB.json.partial" >"$work/journal" && cp "$work/journal" "$work/half/LAB.json.partial" || failed=1
$LAB train $sweep --resume --out "$work/half" -q && same "$work/half/LAB.json"
[ -e "$work/half/LAB.json.partial" ] && { echo "FAIL: resume left its file"; failed=1; }
cmp -s "$work/one/LAB_7.npz" "$work/parts/LAB_7.npz" || { echo "FAIL: weights differ"; failed=1; }
[ "$(head -1 "$work/one/LAB_0.csv" | cut -d, -f1-2)" = step,loss ] || { echo "FAIL: trace"; failed=1; }
mv "$work/journal" "$work/half/LAB.json.partial"
expect 3 "another value of: data" "$LAB" train --npz "$work/one/LAB_data.npz" --widths 8/4,6 \
    --lr 0.1,6 --seeds 1..2 --steps 60 --resume --out "$work/half"
expect 0 "8 runs" "$LAB" train $sweep --estimate --out "$work/two"
expect 0 "^7 part=training seed=2 lr=6" "$LAB" train $sweep --list
expect 0 "first order in the step" "$LAB" train --csv "$work/data.csv" --activation tanh --steps 20 --out "$work/t"
$LAB train --csv "$work/data.csv" --optimizer adam --lr 0.1 --steps 900 --patience 2 --out "$work/t" -q
expect 0 "Stopped early" cat "$work/t/LAB.json"
for how in "--optimizer heavy-ball --decay 0.001" "--optimizer nesterov --decoupled 0.01 --bias yes" \
    "--batch 7 --schedule cosine --warmup 5" "--clip 0.5 --activation leaky" "--generate xor"; do
    data="--csv $work/data.csv"
    case $how in --gen*) data= ;; esac
    expect 0 "The law is kept" "$LAB" train $data $how --lr 0.1 --widths 6,6 --steps 80 --fast --out "$work/t"
done
expect 0 "stairs warm-up 9" "$LAB" train --csv "$work/data.csv" --schedule constant,cosine,stairs --warmup 0,9 \
    --stairs 20 --factor 0.5 --lr 0.1 --steps 60 --fast --out "$work/t"
expect 0 "The law is kept" cat "$work/t/LAB.html"
expect 0 "biases rates 1x0.5" "$LAB" train --csv "$work/data.csv" --rates 1,1/1,0.5 --bias no,yes --lr 0.1 --steps 60 \
    --fast --out "$work/t"
expect 0 "The law is kept" cat "$work/t/LAB.html"
expect 0 "clip 0.01" "$LAB" train --csv "$work/data.csv" --clip 0,0.01 --lr 0.1 --steps 60 --fast --out "$work/t"
[ "$(sed -n 3p "$work/t/LAB_0.csv" | cut -d, -f2)" != "$(sed -n 3p "$work/t/LAB_1.csv" | cut -d, -f2)" ] ||
    { echo "FAIL: clipping changes nothing"; failed=1; }
expect 2 "a set has 3 numbers, a net 2 layers" "$LAB" train --csv "$work/data.csv" --rates 1,1,1
expect 2 "bad value 'ramp' for --schedule" "$LAB" train --csv "$work/data.csv" --schedule ramp
(echo "a,b,c,d,kind" && cat "$work/data.csv") >"$work/headed.csv"
expect 0 "48 rows to train on" "$LAB" train --csv "$work/headed.csv" --steps 2 --fast --out "$work/t"
expect 3 "line 1, column 1: 'a' is no number" "$LAB" train --csv "$work/headed.csv" --no-header --steps 2

# logs of other programs over the curves: our own traces, named columns behind a #, and what is wrong with a log
printf '# epoch loss val_loss acc lr sharpness drift\n0 1.1 1.2 .3 0.1 2 0\n# a note\n30 .5 nan .8 .1 4 1e-3\n' \
    >"$work/other.log"
expect 0 "The law is kept" "$LAB" train --csv "$work/data.csv" --lr 0.1 --steps 30 --fast --out "$work/t" \
    --log "$work/other.log,$work/one/LAB_0.csv"
expect 0 "Grey marks: the logs" cat "$work/t/LAB.html"
for panel in '>other.log<' '>LAB 0.csv<'; do
    [ "$(grep -o "$panel" "$work/t/LAB_runs.svg" | wc -l)" -eq 4 ] || { echo "FAIL: $panel is not in four panels"; failed=1; }
done
printf 'loss,acc\n1,2\n' >"$work/bad.log"
expect 3 "names no column of steps" "$LAB" train --csv "$work/data.csv" --log "$work/bad.log"
printf 'step,loss\n1,2\n2,x\n' >"$work/bad.log"
expect 3 "line 3: 'x' is no number" "$LAB" train --csv "$work/data.csv" --log "$work/bad.log"
printf 'step,loss\n1,2\n2\n' >"$work/bad.log"
expect 3 "line 3: fewer fields" "$LAB" train --csv "$work/data.csv" --log "$work/bad.log"
printf 'step,loss\n1,2,3\n' >"$work/bad.log"
expect 3 "line 2: more fields" "$LAB" train --csv "$work/data.csv" --log "$work/bad.log"
expect 3 "No such file" "$LAB" train --csv "$work/data.csv" --log "$work/none.log"

expect 0 "sharpness" "$LAB" spectrum "$work/LAB_0.npz" --csv "$work/data.csv"
expect 0 "memory" "$LAB" spectrum "$work/LAB_0.npz" --csv "$work/data.csv" --dry-run
expect 0 "certified   in" "$LAB" spectrum "$work/LAB_0.npz" --csv "$work/data.csv" --loss mse
expect 0 '"certified_upper": ' "$LAB" spectrum "$work/LAB_0.npz" --csv "$work/data.csv" --loss mse --json -
expect 4 "cannot write" "$LAB" spectrum "$work/LAB_0.npz" --csv "$work/data.csv" --json "$work/none/s.json"
expect 4 "cannot write" "$LAB" predict "$work/LAB_0.npz" --csv "$work/data.csv" --json "$work/none/p.json"
expect 0 "valid" "$LAB" predict "$work/LAB_0.npz" --csv "$work/data.csv" --steps 20
expect 3 "neither NPY" "$LAB" spectrum "$work/data.csv" --csv "$work/data.csv"
expect 3 "runs past the end" "$LAB" spectrum tests/fuzz/corpus/bad_cut.safetensors --csv "$work/data.csv"

# the audit of a run of gradient descent: weights after each of 8 steps, from trainings of each length
mkdir "$work/run"
for t in 1 2 3 4 5 6 7 8; do
    "$LAB" train --csv "$work/data.csv" --widths 8,8 --steps $t --lr 0.1 --out "$work" -q &&
        mv "$work/LAB_0.npz" "$work/run/step_$t.npz"
done
expect 0 "without momentum" "$LAB" audit "$work/run" --expect momentum=0,decay=0,lr=0.1
expect 1 "momentum is 0" "$LAB" audit "$work/run" --expect momentum=0.9
expect 1 "method is gradient descent, not nesterov" "$LAB" audit "$work/run" --expect method=nesterov
expect 0 '"method": "gradient descent"' "$LAB" audit "$work/run" --json -
expect 2 "is not understood" "$LAB" audit "$work/run" --expect speed=3
mv "$work/run/step_4.npz" "$work"
expect 0 "5 steps" "$LAB" audit "$work/run"
expect 0 "after step 2: updates are missing; [0-9]* of 16 laws broken" "$LAB" audit "$work/run" --renumber
expect 0 "Updates are missing after snapshot 2" "$LAB" audit "$work/run" --renumber
rm "$work/run/step_2.npz" "$work/run/step_6.npz"
expect 0 "1 steps" "$LAB" audit "$work/run"
[ $failed -eq 0 ] && echo "clb_lab: all as expected"
exit $failed

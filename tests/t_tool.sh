#!/bin/sh
# What a user sees of the programs: options, exit statuses, files, shards, same bytes. BUILD=build sh tests/t_tool.sh
BUILD=${BUILD:-build}
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
# status WANT COMMAND...: the exit status, and one line on stderr if it is not 0
status() {
    want=$1; shift
    "$@" >"$T/out" 2>"$T/err"; got=$?
    if [ $got -ne "$want" ]; then bad "status $got, expected $want: $*"
    elif [ "$want" -ge 2 ] && [ "$want" -lt 100 ] && [ "$(wc -l <"$T/err")" -ne 1 ]; then bad "not one line on stderr: $*"
    else ok; fi
}
same() { if cmp -s "$1" "$2"; then ok; else bad "files differ: $1 $2 ($3)"; fi; }
plain() { sed '/"environment"/d' "$1" >"$2"; }          # a result without its environment

E5="$BUILD/e05_drift_scaling"
FAST="--quick --seeds 42,137,5 --lrs 0.01,0.3"

for p in "$BUILD"/e[0-9]* "$BUILD"/m[0-9]* "$BUILD"/beyond/* "$BUILD"/clb_*; do
    [ -x "$p" ] && [ ! -d "$p" ] || continue
    "$p" --help >"$T/help" || bad "$p --help"
    if awk 'length > 80 { exit 1 }' "$T/help"; then ok; else bad "$p --help is wider than 80 columns"; fi
    "$p" --version | grep -q "clb [0-9]" && ok || bad "$p --version"
done
for p in "clb_tables tables" "clb_tables report" "clb_tables list" "clb_check run" "clb_replicate run" "clb_replicate tables" "clb_data csv" \
    "clb_data diff" "clb_data plot" "clb_data judge" "clb_theorems run"; do
    "$BUILD"/$p --help >"$T/help" || bad "$p --help"
    if awk 'length > 80 { exit 1 }' "$T/help"; then ok; else bad "$p --help is wider than 80 columns"; fi
    status 2 "$BUILD"/$p --bogus
done

status 2 "$E5" --bogus
status 2 "$E5" --threads x
status 2 "$E5" --threads 3x
status 2 "$E5" --seeds 1..
status 2 "$E5" --seeds 5,5
status 2 "$E5" --lrs 0.1,
status 2 "$E5" --lrs=-1
status 2 "$E5" --shard 3/3
status 2 "$E5" --isa mips
status 2 "$E5" --seeds
status 2 "$E5" --quiet=1
status 2 "$E5" stray
status 2 "$E5" --from
status 2 "$BUILD/e01_conservation" --lrs 0.01                # nothing to choose: not run at another rate in silence
grep -q -e '--lrs' "$T/err" && ok || bad "e01 --lrs: $(cat "$T/err")"
"$BUILD/e01_conservation" --help | grep -q -e '--lrs' && bad "e01 --help names an option that it has not" || ok
"$E5" --help | grep -q -e '--lrs' && ok || bad "e05 --help"
status 2 "$BUILD/m03_tanh_pathways" --seeds 5
status 2 "$BUILD/clb_tables"
status 2 "$BUILD/clb_tables" nonsense
status 2 "$BUILD/clb_tables" tables --only E99x
status 2 "$BUILD/clb_tables" tables --theorems "$T/x"        # an option of another command
status 2 "$BUILD/clb_check" run "$T"
status 2 "$BUILD/clb_replicate" run "$T"
status 3 "$BUILD/clb_tables" tables "$T/none"
status 3 "$BUILD/clb_run" --programs "$T"
status 4 "$E5" $FAST -q --json /dev/full
if [ -w /dev/full ]; then
    for what in --help --version --list; do
        "$E5" $what >/dev/full 2>/dev/null; [ $? -eq 4 ] && ok || bad "$what to a full disk"
        [ $what = --list ] || { "$BUILD/clb_tables" $what >/dev/full 2>/dev/null; [ $? -eq 4 ] && ok || bad "clb_tables $what to a full disk"; }
    done
    "$E5" $FAST -q --json - >/dev/full 2>/dev/null; [ $? -eq 4 ] && ok || bad "--json - to a full disk"
fi
: >"$T/file"
status 4 "$E5" $FAST -q --out "$T/file/sub"
"$E5" $FAST --list >"$T/list"; [ "$(wc -l <"$T/list")" -eq 6 ] && ok || bad "--list"

# MNIST files that are missing, cut, too few, or of another shape: bad input, and no result file
E4="$BUILD/e04_edge_of_stability"
idx() { printf '\0\0\010\003\0\0\0\003\0\0\0\002\0\0\0\002abcdefghijkl' >"$1/train-images-idx3-ubyte"
        printf '\0\0\010\001\0\0\0\003\001\0\002' >"$1/train-labels-idx1-ubyte"; }
mkdir "$T/few" "$T/cut"; idx "$T/few"; idx "$T/cut"
head -c 20 "$T/few/train-images-idx3-ubyte" >"$T/cut/train-images-idx3-ubyte"
for d in none few cut; do
    [ -x "$E4" ] || continue
    status 3 "$E4" --mnist "$T/$d" --seeds 42 --lrs 0.1 --threads 1 -q --out "$T/mnist"
    [ $d != none ] || grep -q "none/train-images-idx3-ubyte: No such file.*--mnist" "$T/err" && ok || bad "--mnist none: $(cat "$T/err")"
    [ -e "$T/mnist/E04.json" ] && bad "a result from bad MNIST files" || ok
done

# the same bytes from any number of threads, any instruction set, in shards
"$E5" $FAST -q --threads 1 --out "$T/a" 2>"$T/err"; [ -s "$T/err" ] && bad "stderr not empty in a pipe" || ok
"$E5" $FAST -q --threads 2 --out "$T/b"
plain "$T/a/E05.json" "$T/a.json"; plain "$T/b/E05.json" "$T/b.json"
same "$T/a.json" "$T/b.json" threads
same "$T/a/E05_drift.svg" "$T/b/E05_drift.svg" threads
for isa in scalar avx2 avx512 neon; do
    "$E5" --quick --seeds 42 --lrs 0.3 -q --isa $isa --json "$T/$isa.json" 2>/dev/null || continue
    plain "$T/$isa.json" "$T/isa.json"
    [ -f "$T/isa0.json" ] || cp "$T/isa.json" "$T/isa0.json"
    same "$T/isa0.json" "$T/isa.json" "$isa"
done
for i in 0 1 2; do "$E5" $FAST -q --shard $i/3 --out "$T/s"; done
"$E5" --from -q --out "$T/m" "$T"/s/E05.shard-*.json && plain "$T/m/E05.json" "$T/m.json"
same "$T/a.json" "$T/m.json" "merged shards"
same "$T/a/E05_drift.svg" "$T/m/E05_drift.svg" "merged shards"
status 3 "$E5" --from -q --out "$T/x" "$T/s/E05.shard-0-of-3.json" "$T/s/E05.shard-1-of-3.json"
grep -q "in no file: run" "$T/err" && ok || bad "the missing run is not named"
# files of other seeds, rates and parts are all taken; what is chosen is chosen; what nobody planned is named
for s in 42,137 5; do "$E5" --quick --lrs 0.3,0.01 --seeds $s -q --json "$T/seeds-$s.json" --cache "$T/cache"; done
"$E5" --from -q --json "$T/union.json" "$T/seeds-42,137.json" "$T/seeds-5.json"
grep -q '"seeds": "42,137,5"' "$T/union.json" && [ "$(grep -c '^    {"part": ' "$T/union.json")" -eq 6 ] && ok || bad "files of other seeds"
"$E5" --quick --seeds 5 --lrs 0.1 -q --json "$T/rate.json" --cache "$T/cache"
"$E5" --from -q --json "$T/union.json" "$T/seeds-5.json" "$T/rate.json"
grep -q '"lrs": "0.3,0.01,0.1"' "$T/union.json" && [ "$(grep -c '^    {"part": ' "$T/union.json")" -eq 3 ] && ok || bad "files of other rates"
"$E5" --from --seeds 5 -q --json "$T/one.json" "$T/seeds-42,137.json" "$T/seeds-5.json"
[ "$(grep -c '^    {"part": ' "$T/one.json")" -eq 2 ] && ok || bad "--from with --seeds"
sed 's/"curve": "width_64", "seed": 5,/"curve": "width_64", "seed": 6,/' "$T/seeds-5.json" >"$T/stray.json"
status 3 "$E5" --from -q --out "$T/x" "$T/seeds-5.json" "$T/stray.json"
grep -q 'stray.json: run 0 (part sweep, seed 6) is not planned' "$T/err" && ok || bad "a run that nobody planned: $(cat "$T/err")"
sed 's/"results_version": [0-9]*/"results_version": 1/' "$T/a/E05.json" >"$T/version.json"
status 3 "$E5" --from -q --out "$T/x" "$T/version.json"
grep -q 'results version 1, this program has [0-9]' "$T/err" && ok || bad "another results version: $(cat "$T/err")"
head -c 300 "$T/a/E05.json" >"$T/cut.json"
status 3 "$E5" --from -q --out "$T/x" "$T/cut.json"
status 3 "$BUILD/e06_depth" --from -q --out "$T/x" "$T/a/E05.json"
[ -e "$T/x" ] && bad "a refused merge left a file" || ok

# a run that another experiment has put into the cache has the bytes of one made alone
"$BUILD/e10_activation_coupling" $FAST -q --cache "$T/cache" --out "$T/two"
"$BUILD/e11_homogeneity" $FAST -q --cache "$T/cache" --out "$T/two"
"$BUILD/e11_homogeneity" $FAST -q --out "$T/one"
plain "$T/two/E11.json" "$T/two.json"; plain "$T/one/E11.json" "$T/one.json"
same "$T/two.json" "$T/one.json" "shared runs"

# stdout is one document, and the tables and the report are the same twice
"$E5" $FAST --json - >"$T/stdout.json" 2>/dev/null; plain "$T/stdout.json" "$T/c.json"
same "$T/a.json" "$T/c.json" "--json -"
for k in 1 2; do
    "$BUILD/clb_tables" tables --out "$T/t$k" "$T/a"
    "$BUILD/clb_tables" report --out "$T/r$k.html" "$T/a"
done
if diff -r "$T/t1" "$T/t2" >/dev/null; then ok; else bad "tables differ"; fi
same "$T/r1.html" "$T/r2.html" report
grep -q "<script\|src=\"http" "$T/r1.html" && bad "the report is not self-contained" || ok
printf '# T\n\nWith `x < 1`.\n\n| | a\\_b |\n|---|---|\n| E05 | c \\| d |\n\n## E05\n\nmore\n' >"$T/rep.md"
"$BUILD/clb_tables" report --fresh "$T/rep.md" --out "$T/r3.html" "$T/a"
for text in '<p>With <code>x &lt; 1</code>.</p>' '<th> a_b </th>' '<td> c | d </td></tr>' '<h3>E05</h3>'; do
    if grep -qF "$text" "$T/r3.html"; then ok; else bad "the report's replication lacks $text"; fi
done
status 3 "$BUILD/clb_tables" report --fresh "$T/none.md" --out "$T/r4.html" "$T/a"
[ -e "$T/r4.html" ] && bad "a refused report left a file" || ok

# what cannot judge does not judge: --quick, other seeds and rates, one seed
"$E5" --quick -q --seeds 42 --lrs 0.01,0.1 --out "$T/q"
grep -q '"number": "\(found again\|differs\)"\|"source": "paper".*"statement": "holds"' "$T/q/E05.json" && bad "--quick judges" || ok
grep -q '"number": "not decided"' "$T/q/E05.json" && ok || bad "no claim is undecided under --quick"

# a file edited by hand shows, a damaged one is named
sed 's/"caption": "Exponent of every curve/"caption": "EDITED/' "$T/a/E05.json" >"$T/edit.json"
mkdir "$T/e"; cp "$T/edit.json" "$T/e/E05.json"
"$BUILD/clb_tables" tables --out "$T/et" "$T/e" && grep -q EDITED "$T/et/E05.md" && ok || bad "the page does not follow the file"
sed 's/"drift": /"drfit": /' "$T/a/E05.json" >"$T/e/E05.json"
status 3 "$BUILD/clb_tables" tables "$T/e"
grep -q 'runs/0 (sweep): "drift" is missing' "$T/err" && ok || bad "the damaged value is not named"

# data: CSV, difference, plot, other bounds
status 0 "$BUILD/clb_data" csv "$T/a/E05.json"
[ "$(wc -l <"$T/out")" -eq 7 ] && head -1 "$T/out" | grep -q '"curve","seed","lr","drift"' && ok || bad "clb_data csv"
status 0 "$BUILD/clb_data" diff "$T/a" "$T/b"
status 1 "$BUILD/clb_data" diff "$T/a" "$T/q"
status 0 "$BUILD/clb_data" plot --x lr --y drift --logx --logy -o "$T/plot.svg" "$T/a/E05.json"
grep -q "<svg" "$T/plot.svg" && ok || bad "clb_data plot"
status 3 "$BUILD/clb_data" plot --x lr --y none "$T/a/E05.json"
status 3 "$BUILD/clb_data" judge --quantity none "$T/a/E05.json"
status 0 "$BUILD/clb_data" judge "$T/a/E05.json"
status 3 "$BUILD/clb_data" judge --claim none "$T/a/E05.json"
status 2 "$BUILD/clb_data" judge --bound 1 "$T/a/E05.json"
status 2 "$BUILD/clb_data" judge --tolerance 1 "$T/a/E05.json"
status 2 "$BUILD/clb_data" judge --quantity alpha --tolerance -1 "$T/a/E05.json"
"$BUILD/clb_data" judge --claim alpha --quantity alpha --tolerance 0 "$T/a/E05.json" | grep -q 'within 0 of' && ok || bad "judge --tolerance 0"
# the program and the judge agree, on three of the paper's five seeds too: its number is not decided
"$E5" -q --seeds 42,137,256,1,2 --json "$T/three.json" --cache "$T/cache"
"$BUILD/clb_data" judge "$T/three.json" | grep -c 'number: not decided' >"$T/judged"
grep -c '"number": "not decided"' "$T/three.json" >"$T/decided"
same "$T/judged" "$T/decided" "program and judge"
[ "$(cat "$T/judged")" -gt 0 ] && ok || bad "a number that three of five seeds decide"

# the programs of one experiment
[ -x "$BUILD/e20_linear_ck" ] && { "$BUILD/clb_run" --programs "$BUILD" --only e20 --list >"$T/out"
    grep -q 'e20_linear_ck$' "$T/out" && ! grep -qv 'e20_' "$T/out" && ok || bad "clb_run --only"; }
status 3 "$BUILD/clb_run" --programs "$BUILD" --only E99 --list
status 0 "$BUILD/clb_run" --programs "$BUILD" --paper --only E1,E5 --out "$T/run" -- --quick --seeds 42 --lrs=0.1 --cache "$T/cache"
[ -e "$T/run/E05.json" ] && [ ! -e "$T/run/E01.json" ] && grep -q '^e01_.*has no --lrs' "$T/err" && ok || bad "clb_run -- --lrs: $(cat "$T/err")"
status 2 "$BUILD/clb_run" --programs "$BUILD" --paper --only E1 --out "$T/run" -q -- --lrs 0.1

# a replication that lost a group makes that one again, and the table has the same bytes
R="run --programs $BUILD --only E20 --seeds 3..10 -q --out $T/rep $T/base"
if "$BUILD/e20_linear_ck" -q --out "$T/base" && "$BUILD/clb_replicate" $R; then
    mv "$T/rep/replication.md" "$T/rep.md"; rm "$T"/rep/E20.seeds-001.json "$T/rep/E20.all.json"
    touch -d @0 "$T"/rep/E20.seeds-*
    "$BUILD/clb_replicate" $R
    same "$T/rep.md" "$T/rep/replication.md" "replication, resumed"
    [ "$(find "$T/rep" -name 'E20.seeds*' -newer "$T/rep.md" | wc -l)" -eq 1 ] && ok || bad "a group that was there was run again"
    "$BUILD/clb_tables" tables --replication "$T/rep/replication.json" "$T/base" >"$T/out"
    grep -q "groups" "$T/out" && ok || bad "the table has no column of fresh seeds"
    # a group that is missing: the tables say so, and judge the others anew
    rm "$T"/rep/E20.seeds-001.json; R=${R#run }
    "$BUILD/clb_replicate" tables $R && grep -q '^1 group of 3 seeds, 3 runs\. 1 of 2 groups are done\.' "$T/rep/replication.md" && ok || bad "a replication in parts"
    [ -e "$T/rep/E20.seeds-001.json" ] && bad "tables ran a group" || ok
    # no group at all: what an earlier replication has
    "$BUILD/clb_replicate" tables $R --before "$T/rep/replication.json" --out "$T/rep0" && cp "$T/rep0/replication.json" "$T/rep1.json"
    grep -q '^Not repeated yet: E20\.$' "$T/rep0/replication.md" && grep -q '^| R | [0-9.]* (' "$T/rep0/replication.md" && ok || bad "an earlier replication"
    "$BUILD/clb_tables" tables --replication "$T/rep1.json" "$T/base" >"$T/out" && grep -q 'in 1 group of 3 seeds: R [0-9.]* ([0-9.]* to [0-9.]*), together [0-9.]* ' "$T/out" && ok || bad "an earlier replication in the table"
    # a program that fails: its experiment is missing, the exit status says so
    mkdir "$T/broken"; printf '#!/bin/sh\nexit 5\n' >"$T/broken/e20_linear_ck"; chmod +x "$T/broken/e20_linear_ck"
    status 5 "$BUILD/clb_replicate" run --programs "$T/broken" --only E20 --seeds 3..5 -q --out "$T/rep2" "$T/base"
    grep -q '^Not repeated yet: E20\.$' "$T/rep2/replication.md" && ok || bad "a failed group is not missing"
else bad "clb_replicate"; fi
status 2 "$BUILD/clb_replicate" run

# the ledger: a small folder of published results, one number of them changed
if [ -d ../shared/reference/drift_scaling ]; then
    mkdir -p "$T/ref" && cp -r ../shared/reference/drift_scaling "$T/ref/" && chmod -R u+w "$T/ref"
    "$E5" -q --part sweep --out "$T/p" --cache "$T/cache"
    "$BUILD/clb_check" run --only E5 --reference "$T/ref" "$T/p" >"$T/out" 2>"$T/err"
    before=$(grep -c '^- ' "$T/out")
    sed -i '0,/"mean_drift": [0-9.e-]*/s//"mean_drift": 12.5/' "$T/ref/drift_scaling/results.json"
    "$BUILD/clb_check" run --only E5 --reference "$T/ref" "$T/p" >"$T/out" 2>"$T/err"
    [ "$(grep -c '^- ' "$T/out")" -eq $((before + 1)) ] && grep -q "published 12.5" "$T/out" && ok || bad "a changed published number is not found"
else echo "skip the ledger (no published files beside the tree)"; fi

# the same for people who ran the published programs on seeds of their own: a small folder in their format, made here
R="$T/own/drift_scaling"
mkdir -p "$R"
"$E5" -q --seeds 3,7 --lrs 0.01,0.1 --out "$T/ours" --cache "$T/cache"
"$BUILD/clb_data" csv "$T/ours/E05.json" | awk -F, '$1 == "\"width_64\"" {
    sum[$3] += $4; square[$3] += $4 * $4; loss[$3] += $9; relative[$3] += $5
    list[$3] = list[$3] (list[$3] == "" ? "" : ", ") $4 }
    END { printf "{"
          for (lr in sum) { m = sum[lr] / 2
              printf "%s\"%s\": {\"lr\": %s, \"mean_drift\": %.9g, \"std_drift\": %.9g, \"mean_loss\": %.9g, \"mean_rel_drift\": %.9g, \"drifts\": [%s]}", \
                  comma, lr, lr, m, sqrt(square[lr] / 2 - m * m), loss[lr] / 2, relative[lr] / 2, list[lr]; comma = ", " }
          print "}"
          print log(sum["0.1"] / sum["0.01"]) / log(10) >slope }' slope="$T/slope" >"$R/results.json"
echo "{\"version\": 1, \"seeds\": [3, 7], \"lrs\": [0.01, 0.1], \"n_steps\": 2000, \"hidden\": 64,
\"power_law_exponent\": $(cat "$T/slope")}" >"$R/config.json"
check_own() { "$BUILD/clb_check" run -v --only E5 --reference "$T/own" "$T/ours" >"$T/out" 2>"$T/err"; echo $?; }
[ "$(check_own)" -eq 0 ] && ! grep -q '^- ' "$T/out" && grep -q '^| drift_scaling/results.json | 14 | ' "$T/out" && ok || bad "own seeds: $(cat "$T/err" "$T/out")"
cp "$R/results.json" "$T/kept.json"
sed -i 's/"drifts": \[0/"drifts": [1/' "$R/results.json"
check_own >"$T/status" && grep -q '^- .*drifts/0' "$T/out" && ok || bad "own seeds: a changed drift is not found"
sed 's/"mean_loss": [0-9.e-]*/"mean_loss": NaN/; s/"std_drift"/"std_drfit"/' "$T/kept.json" >"$R/results.json"
check_own >"$T/status"
grep -q 'mean_loss' "$T/out" "$T/err" && ok || bad "own seeds: a published NaN is not named"
grep -q 'std_drfit' "$T/out" "$T/err" && ok || bad "own seeds: a misspelt number is not named"
cp "$T/kept.json" "$R/results.json"
# what needs data that are not here is counted as such; with the data run, a missing number is an error
mkdir "$T/own/universality_dataset"
echo '{"mnist_d784": {"r_squared": 0.97}}' >"$T/own/universality_dataset/results.json"
cp "$R/config.json" "$T/own/universality_dataset/"
check_own >"$T/status"                              # the many numbers that this folder lacks are errors, too
grep -q '^| universality_dataset/results.json | 1 .* 1 |$' "$T/out" && ok || bad "needs: $(cat "$T/err")"
sed -i '0,/"config": {/s//"config": {"mnist_images": 500, /' "$T/ours/E05.json"
[ "$(check_own)" -ne 0 ] && grep -q "mnist_d784/r_squared: .*no such line" "$T/err" && ok || bad "a number that was run with MNIST and is missing is not named"

# interrupted: status 130, the old result, and the runs so far for --resume (tests/t_faults.sh)
mkdir "$T/int"; echo old >"$T/int/E05.json"
"$E5" --seeds 1..999 --threads 1 -q --out "$T/int" & pid=$!
{ for i in 1 2 3 4 5 6 7 8 9; do sleep 1; kill -INT $pid || break; done; } 2>/dev/null & asking=$!
wait $pid; got=$?; kill $asking 2>/dev/null
[ $got -eq 130 ] && ok || bad "status $got after SIGINT"
[ "$(cat "$T/int/E05.json")" = old ] && [ -z "$(ls "$T/int" | grep -v '^E05.json\(.partial\)*$')" ] && ok || bad "files after SIGINT"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

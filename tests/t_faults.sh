#!/bin/sh
# What programs do when things go wrong: killed at any moment, no room on the disk at any write, two commands for one
# result, files left behind, closed stdout, odd names. No file is half written, no run that is done is lost, an error
# has a name, and the end is the same bytes as an undisturbed run.
#   BUILD=build sh tests/t_faults.sh           KILLS=N: so many kills of a run and of a replication (default 8)
BUILD=$(cd "${BUILD:-build}" && pwd) || exit 1
KILLS=${KILLS:-8}
T=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$T"; rm -rf "$T"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
E5="$BUILD/e05_drift_scaling"
RUN="--quick --seeds 1..5 --lrs 0.3 --threads 1 -q"
# whole FILE: the result of the undisturbed run, but for its environment
whole() { sed '/"environment"/d' "$1" | cmp -s - "$T/want"; }
runs() { grep -c '^{"part".*}$' "$1/E05.json.partial" 2>/dev/null || true; }
# what a failed command may leave behind in a folder: its journal, nothing else
clean() { [ -z "$(find "$1" -type f ! -name '*.partial')" ] && ok || bad "$2 left $(ls "$1")"; }
finish() { # FOLDER WHAT: goes on to the same bytes, and nothing is left but result and figure
    "$E5" $RUN --resume --out "$1" 2>"$T/err" || bad "$2: resume ended with $?: $(cat "$T/err")"
    if whole "$1/E05.json"; then ok; else bad "$2: another result after resume"; fi
    [ "$(find "$1" -type f | wc -l)" -eq 2 ] && ok || bad "$2: left $(ls "$1")"
}
"$E5" $RUN --out "$T/undisturbed" && sed '/"environment"/d' "$T/undisturbed/E05.json" >"$T/want" || exit 1
random() { seed=$(((seed * 1103515245 + 12345) % 2147483648)); echo $((seed / 65536 % $1)); }
seed=${SEED:-1}

# killed at random moments: what was done stays done, and no run is made twice
kills=0 before=0
mkdir "$T/killed"
while [ $kills -lt "$KILLS" ]; do
    "$E5" $RUN --resume --out "$T/killed" 2>"$T/err" & pid=$!
    sleep "0.$(random 9)$(random 10)"
    if kill -9 $pid 2>/dev/null; then kills=$((kills + 1)); fi
    wait $pid 2>/dev/null; status=$?
    if [ $status -ne 137 ] && [ $status -ne 0 ]; then bad "killed: status $status: $(cat "$T/err")"; break; fi
    if [ -e "$T/killed/E05.json" ]; then
        whole "$T/killed/E05.json" && ok || bad "killed: half a result"
        if [ $status -eq 0 ]; then rm -f "$T"/killed/*; before=0; fi
        continue
    fi
    now=$(runs "$T/killed")
    [ "${now:-0}" -ge "$before" ] && ok || bad "killed: $before runs were done, $now are left"
    before=${now:-0}
    [ -z "$(grep '^{"part".*}$' "$T/killed/E05.json.partial" 2>/dev/null | sort | uniq -d)" ] && ok || bad "killed: a run made twice"
done 2>/dev/null
finish "$T/killed" "killed $kills times"

# the same with a replication and the programs that it runs
fresh=3..$((KILLS < 100 ? 5 : 11))
REPLICATE="$BUILD/clb_replicate run --programs $BUILD --only E20 --seeds $fresh -q --threads 1"
replicate() { $REPLICATE --out "$1" "$T/base"; }
if "$BUILD/e20_linear_ck" -q --out "$T/base" 2>"$T/err" && replicate "$T/rep" 2>"$T/err" && command -v setsid >/dev/null; then
    kills=0 tries=0
    while [ $kills -lt "$KILLS" ] && [ $((tries += 1)) -lt $((9 * KILLS + 9)) ]; do
        setsid $REPLICATE --out "$T/reps" "$T/base" 2>"$T/err" & pid=$!
        sleep "0.$(random 9)$(random 10)"
        kill -9 "-$pid" 2>/dev/null && kills=$((kills + 1))
        wait $pid 2>/dev/null; status=$?
        if [ $status -eq 0 ]; then rm -rf "$T/reps"; continue; fi
        if [ $status -ne 137 ]; then bad "replication killed: status $status: $(cat "$T/err")"; break; fi
        ok
    done 2>/dev/null
    [ $kills -eq "$KILLS" ] && ok || bad "killed only $kills replications of $KILLS"
    replicate "$T/reps" && cmp -s "$T/rep/replication.md" "$T/reps/replication.md" && ok || bad "replication killed: another table"
    [ -z "$(find "$T/reps" -name '*.tmp')" ] && ok || bad "replication killed: temporary files left"
elif [ -s "$T/err" ]; then bad "replication: $(cat "$T/err")"
else echo "skip the replication killed (no setsid)"; fi

# no room at any write: the limit of a file's size grows by 512 bytes, so that each write is the one that fails
size=$(($(wc -c <"$T/undisturbed/E05.json") / 512 + 1)) at=0 step=$((KILLS < 100 ? 7 : 1))
while [ $at -lt $size ]; do
    mkdir "$T/full"
    said=$( (trap '' XFSZ; ulimit -f $at; exec "$E5" $RUN --out "$T/full") 2>&1); status=$?
    case $status$said in 4*"cannot write"*) ok ;; *) bad "no room for $((512 * at)) bytes: status $status, $said" ;; esac
    clean "$T/full" "no room for $((512 * at)) bytes"
    left=$(runs "$T/full")
    if [ "${left:-0}" -eq 5 ] || [ $at -le 7 ]; then finish "$T/full" "no room for $((512 * at)) bytes"; fi
    rm -rf "$T/full"
    at=$((at + step)); [ $step -gt 1 ] && [ $at -gt 7 ] && step=40
done
# a file system with no room at all, and one so small that the result does not fit
if [ "$(id -u)" -eq 0 ] && mkdir "$T/small" && mount -t tmpfs -o size=8k none "$T/small" 2>/dev/null; then
    "$E5" $RUN --out "$T/small/r" 2>"$T/err"; status=$?
    [ $status -eq 4 ] && grep -q "No space left" "$T/err" && ok || bad "a full file system: status $status, $(cat "$T/err")"
    clean "$T/small" "a full file system"
    mount -o remount,size=1m "$T/small" && finish "$T/small/r" "a file system that was full"
    umount "$T/small"
fi

# two commands for one result: one is refused by name, the other is not disturbed
"$E5" $RUN --out "$T/two" & pid=$!
until [ -s "$T/two/E05.json.partial" ]; do kill -0 $pid 2>/dev/null || break; sleep 0.02; done
kill -STOP $pid
"$E5" $RUN --out "$T/two" 2>"$T/err"; status=$?
kill -CONT $pid
[ $status -eq 4 ] && grep -q "another program is making this result" "$T/err" && ok || bad "two commands: status $status, $(cat "$T/err")"
wait $pid && whole "$T/two/E05.json" && ok || bad "two commands: the first one was disturbed"

# left behind: a temporary file, a journal that is none, one of another command, one cut in a line
mkdir "$T/left"; echo rubbish >"$T/left/E05.json.tmp"; printf 'rub\000bish' >"$T/left/E05.json.partial"
finish "$T/left" "files left behind"
mkdir "$T/other"
echo '{"schema": "clb-journal/1", "experiment": "E06", "results_version": 3, "config": {}}' >"$T/other/E05.json.partial"
"$E5" $RUN --resume --out "$T/other" 2>"$T/err"; status=$?
[ $status -eq 3 ] && grep -q "another experiment: E06" "$T/err" && ok || bad "another journal: status $status, $(cat "$T/err")"
(ulimit -t 1000; exec "$E5" $RUN --out "$T/cut") & pid=$!
until [ "$(runs "$T/cut")" = 2 ]; do kill -0 $pid 2>/dev/null || break; sleep 0.02; done
kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
if [ -e "$T/cut/E05.json.partial" ]; then
    printf '{"part": "sweep", "curve": "width_64", "se' >>"$T/cut/E05.json.partial"
    finish "$T/cut" "a line cut"
else bad "killed at its second run: no journal"; fi

# closed streams: what is meant for the screen goes into no file
"$E5" --quick --seeds 1..5 --lrs 0.3 --threads 1 --out "$T/closed" >&- 2>&-; status=$?
whole "$T/closed/E05.json" && ok || bad "stdout and stderr closed: another result"
[ $status -eq 4 ] && ok || bad "stdout closed: status $status"
"$E5" --list <&- >&- 2>/dev/null; [ $? -eq 4 ] && ok || bad "--list to a closed stdout"
"$BUILD/clb_tables" list "$T/undisturbed" >&- 2>/dev/null; [ $? -eq 4 ] && ok || bad "clb_tables list to a closed stdout"

# a fifo gets the whole document
if mkfifo "$T/fifo"; then
    cat "$T/fifo" >"$T/through" & pid=$!
    "$E5" $RUN --json "$T/fifo" && wait $pid && whole "$T/through" && ok || bad "a fifo"
    [ -p "$T/fifo" ] && ok || bad "the fifo was replaced"
fi

# no folder to write into: said before anything is computed
: >"$T/file"
for folder in "$T/file" "$T/file/sub" /dev/null/x; do
    "$E5" $RUN --seeds 1..9999 --out "$folder" 2>"$T/err"; status=$?
    [ $status -eq 4 ] && grep -q "cannot write $folder/E05.json" "$T/err" && ok || bad "$folder: status $status, $(cat "$T/err")"
done

# odd names and languages
mkdir "$T/names" && cd "$T/names" || exit 1
for name in 'a b' "it's" 'say "so"' 'two
lines' 'übergröße' '-dash' '$HOME' '%s%n' '*'; do
    LC_ALL=de_DE.UTF-8 "$E5" $RUN --from --out "./$name" "$T/undisturbed/E05.json" 2>"$T/err" && whole "./$name/E05.json" && ok || bad "folder '$name': $(cat "$T/err")"
    LC_ALL=tr_TR.UTF-8 "$BUILD/clb_tables" tables --out="$name/t" "./$name" >/dev/null 2>"$T/err" && [ -s "./$name/t/E05.md" ] && ok ||
        bad "tables of '$name': $(cat "$T/err")"
    rm -rf "./$name"
done
mkdir 'p r' && ln -s "$E5" 'p r/e05_drift_scaling'
"$BUILD/clb_run" --programs 'p r' -q --out "it's two" -- $RUN && whole "it's two/E05.json" && ok || bad "clb_run with odd names"
cd "$T" || exit 1

# many threads, many seeds, lists that make no sense
"$E5" --quick --seeds 1..5 --lrs 0.3 --threads 1000 -q --out "$T/threads" && whole "$T/threads/E05.json" && ok || bad "1000 threads"
[ "$("$E5" --quick --seeds 1..10000 --list | wc -l)" -eq 100000 ] && ok || bad "10,000 seeds"
for list in 1,2,1 5..1 1..4294967296 1..1e9 -1 0x1 ' 1' 1, ,1 '' 1..5000,7..9000,3 18446744073709551617; do
    "$E5" --list --seeds="$list" >/dev/null 2>"$T/err"; status=$?
    [ $status -eq 2 ] && grep -q "seeds" "$T/err" && ok || bad "--seeds '$list': status $status, $(cat "$T/err")"
done
for list in 0.1,0.1 0 -1 nan inf 1e999 0.1x 0.1,,0.2 ''; do
    "$E5" --list --lrs="$list" >/dev/null 2>"$T/err"; status=$?
    [ $status -eq 2 ] && grep -q "lrs\|planned twice" "$T/err" && ok || bad "--lrs '$list': status $status, $(cat "$T/err")"
done
"$E5" $RUN --lrs 1e-320,1e300 --out "$T/absurd" 2>"$T/err"; status=$?
[ $status -le 1 ] && [ -s "$T/absurd/E05.json" ] && ok || bad "absurd rates: status $status, $(cat "$T/err")"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

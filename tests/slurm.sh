#!/bin/sh
# Shards through a real batch engine: a Slurm of one node, started here on unused ports (root; Debian: slurm-wlm munge).
# An array job makes the shards of E5 and E22, one task is killed, the merge refuses the gap by name, the task is submitted
# again, and the merged file has the bytes of a run on one machine.
#   BUILD=build sh tests/slurm.sh        prints a line for each step; skips where there is no Slurm
BUILD=$(cd "${BUILD:-build}" && pwd) || exit 1
for tool in slurmctld slurmd munged sbatch scancel squeue; do
    command -v $tool >/dev/null 2>&1 || { echo "skip Slurm ($tool is not installed)"; echo "0 passed, 0 failed"; exit 0; }
done
[ "$(id -u)" -eq 0 ] || { echo "skip Slurm (needs root)"; echo "0 passed, 0 failed"; exit 0; }
T=$(mktemp -d) && chmod 755 "$T" || exit 1
pids=
trap 'kill $pids 2>/dev/null; sleep 1; kill -9 $pids 2>/dev/null; rm -rf "$T"' EXIT
trap 'exit 130' INT TERM HUP
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok   $*"; }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }

node=$(hostname -s)
mkdir "$T/munge" "$T/state" "$T/spool" && chmod 700 "$T/munge"
head -c 128 /dev/urandom >"$T/munge/key" && chmod 600 "$T/munge/key"
cat >"$T/slurm.conf" <<END
ClusterName=clb
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$T/munge/socket
CryptoType=crypto/munge
StateSaveLocation=$T/state
SlurmdSpoolDir=$T/spool
SlurmctldPidFile=$T/slurmctld.pid
SlurmdPidFile=$T/slurmd.pid
SlurmctldLogFile=$T/slurmctld.log
SlurmdLogFile=$T/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc)
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF="$T/slurm.conf"
munged --foreground --force --num-threads=2 --socket="$T/munge/socket" --key-file="$T/munge/key" \
    --pid-file="$T/munge/pid" --log-file="$T/munge/log" --seed-file="$T/munge/seed" >"$T/munged.out" 2>&1 & pids=$!
sleep 1
slurmctld -D >"$T/ctl.out" 2>&1 & pids="$pids $!"
slurmd -D -N "$node" >"$T/d.out" 2>&1 & pids="$pids $!"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sinfo -h -o %t 2>/dev/null | grep -q idle && break
    sleep 1
done
if ! sinfo -h -o %t 2>/dev/null | grep -q idle; then
    echo "skip Slurm (it does not start here)"
    tail -n 3 "$T"/*.log "$T"/*.out 2>/dev/null
    echo "0 passed, 0 failed"
    exit 0
fi

# submit LINE OPTIONS...: an array job; prints its number
submit() { line=$1; shift; sbatch --parsable --output="$T/task-%a.out" --chdir="$T" "$@" --wrap "$line"; }
# wait until no task of the job is left
await() { while squeue -h -j "$1" 2>/dev/null | grep -q .; do sleep 1; done; }

shards() { # PROGRAM ID OPTIONS
    program="$BUILD/$1" id=$2 out="$T/$2"
    run="$program --quick $3 --threads 1 -q"
    $run --out "$T/$id.one" || { bad "$id: one run"; return; }
    job=$(submit "$run --shard \$SLURM_ARRAY_TASK_ID/4 --out $out --resume" --array=0-3) || { bad "$id: sbatch"; return; }
    # task 2 is killed as soon as it has made a run
    until [ -s "$out/$id.shard-2-of-4.json.partial" ] || ! squeue -h -j "${job}_2" 2>/dev/null | grep -q .; do sleep 0.05; done
    scancel --signal=KILL --full "${job}_2"
    await "$job"
    [ ! -e "$out/$id.shard-2-of-4.json" ] && ok "$id: task 2 was killed" || { bad "$id: task 2 had ended before it was killed"; return; }
    [ "$(find "$out" -name "$id.shard-*.json" | wc -l)" -eq 3 ] && ok "$id: the three others are whole" || bad "$id: $(ls "$out")"
    if "$program" --from -q --out "$T/$id.merged" "$out/$id".shard-*.json >"$T/err" 2>&1; then bad "$id: merged with a gap"
    else grep -q 'in no file' "$T/err" && ok "$id: the gap is refused: $(sed 's|^E[0-9]*: ||;q' "$T/err")" || bad "$id: $(cat "$T/err")"; fi
    job=$(submit "$run --shard \$SLURM_ARRAY_TASK_ID/4 --out $out --resume" --array=2)
    await "$job"
    "$program" --from -q --out "$T/$id.merged" "$out/$id".shard-*.json || bad "$id: merge"
    for file in "$T/$id.one/$id.json" "$T/$id.merged/$id.json"; do sed '/"environment"/d' "$file" >"$file.bare"; done
    cmp "$T/$id.one/$id.json.bare" "$T/$id.merged/$id.json.bare" && ok "$id: the bytes of one run" || bad "$id: other bytes than one run"
}
shards e05_drift_scaling E05 "--seeds 1..8"
shards e22_width_dim E22 "--seeds 1..60"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

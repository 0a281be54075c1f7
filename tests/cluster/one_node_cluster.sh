#!/usr/bin/env bash
# one_node_cluster.sh install|start|stop|status: a real SLURM of three nodes on this machine.
#
# munged, slurmctld and one slurmd per node, without systemd and for any user. All it writes lies in
# $CLUSTER_DIR. Its commands (sbatch, squeue, ...) are in $CLUSTER_DIR/bin: with that folder first in
# PATH, nothing in /etc has to say where the cluster is. It listens on $CLUSTER_PORT and the next 4.
# With CLUSTER_ACCOUNTING=1 it has an accounting database (MariaDB, slurmdbd), as most clusters do:
# sacct knows its jobs, and each asks for an account that the user is in.
#   install   Debian's packages, if they are missing and this is root
#   start     installs, and starts what does not run yet
#   stop      cancels the jobs and ends what `start` has started
#   status    nodes and jobs; fails where no cluster runs
set -euo pipefail
CLUSTER_DIR=${CLUSTER_DIR:-${TMPDIR:-/tmp}/exprlab-cluster-$(id -u)}
CLUSTER_PORT=${CLUSTER_PORT:-16817}
CLUSTER_ACCOUNTING=${CLUSTER_ACCOUNTING:-0}
NODES=(n1 n2 n3)
CPUS=4      # per node, whether the machine has them or not
MEMORY=4000 # MB per node, likewise
PACKAGES=(slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins)
PROGRAMS=(munged slurmctld slurmd sbatch)
if [ "$CLUSTER_ACCOUNTING" = 1 ]; then
  PACKAGES+=(slurmdbd slurm-wlm-mysql-plugin mariadb-server)
  PROGRAMS+=(slurmdbd mariadbd)
fi
CLIENTS=(sbatch srun salloc scancel squeue sinfo scontrol sacct sacctmgr sshare sstat)

RUN=$CLUSTER_DIR/run CONF=$CLUSTER_DIR/slurm.conf SOCKET=$CLUSTER_DIR/run/munge.sock
DATA=$CLUSTER_DIR/mariadb DATABASE=$CLUSTER_DIR/run/mariadb.sock
export PATH=$CLUSTER_DIR/bin:$PATH:/usr/sbin

fail() { echo "one_node_cluster: $*" >&2; exit 1; }

alive() { [ -s "$RUN/$1.pid" ] && kill -0 "$(cat "$RUN/$1.pid")" 2>/dev/null; }

wait_for() { # SECONDS COMMAND...
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "timed out: $* (logs: $CLUSTER_DIR/log)"
    sleep 0.1
  done
}

installed() { type "${PROGRAMS[@]}" >/dev/null 2>&1; }

install() {
  installed && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null \
    || fail "no SLURM here; as root on Debian: apt-get install --no-install-recommends ${PACKAGES[*]}"
  # A mirror's hiccup is no reason to stop: the lists of yesterday may do.
  apt-get update -q || echo "one_node_cluster: apt-get update failed; going on" >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${PACKAGES[@]}" \
    || fail "Debian's packages could not be installed: ${PACKAGES[*]}"
}

# The daemons listen where the name of this machine leads to (127.0.0.1 as a rule), not everywhere.
address() {
  getent ahostsv4 "$(hostname)" | awk 'NR == 1 { print $1 }' | grep . \
    || fail "the name of this machine, $(hostname), leads to no address; /etc/hosts may give it one"
}

configure() {
  local user address node name port=$CLUSTER_PORT
  user=$(id -un)
  address=$(address)
  mkdir -p "$RUN" "$CLUSTER_DIR"/{bin,log,state,spool}
  chmod 755 "$CLUSTER_DIR" "$RUN"
  cat > "$CONF" <<END
ClusterName=exprlab
SlurmctldHost=localhost($address)
SlurmctldPort=$CLUSTER_PORT
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$SOCKET
StateSaveLocation=$CLUSTER_DIR/state
SlurmdSpoolDir=$CLUSTER_DIR/spool/%n
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd-%n.pid
SlurmctldLogFile=$CLUSTER_DIR/log/slurmctld.log
SlurmdLogFile=$CLUSTER_DIR/log/slurmd-%n.log
MailProg=/bin/true
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SwitchType=switch/none
MpiDefault=none
# Without cgroups; with linuxproc, processes of killed jobs were left over.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
# Jobs that take more memory than they have asked for are killed, as on any cluster.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
# Without accounting, squeue alone tells how a job has ended.
MinJobAge=600
KillWait=5
# For jobs of the partition urgent, others make room; they are queued again.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
# As on some clusters: jobs are queued again only if they ask for it.
JobRequeue=0
# The node that has least to do comes first, so that jobs side by side are on several.
PartitionName=cpu Nodes=ALL Default=YES LLN=YES DefaultTime=5 MaxTime=120
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF DefaultTime=5 MaxTime=120
$(accounting "$address")
END
  for node in "${NODES[@]}"; do
    port=$((port + 1))
    echo "NodeName=$node NodeHostname=localhost NodeAddr=$address Port=$port" \
      "CPUs=$CPUS RealMemory=$MEMORY" >> "$CONF"
  done
  # Snakemake takes SLURM_CONF, like most of SLURM's variables, away from its job steps.
  for name in "${CLIENTS[@]}"; do
    printf '#!/bin/sh\nSLURM_CONF=%q exec /usr/bin/%s "$@"\n' "$CONF" "$name" \
      > "$CLUSTER_DIR/bin/$name"
    chmod +x "$CLUSTER_DIR/bin/$name"
  done
  [ -s "$CLUSTER_DIR/munge.key" ] \
    || (umask 077 && head -c 128 /dev/urandom > "$CLUSTER_DIR/munge.key")
}

# What slurm.conf says of accounting; and the configuration of slurmdbd, which lies beside it.
accounting() { # ADDRESS
  if [ "$CLUSTER_ACCOUNTING" != 1 ]; then
    echo "AccountingStorageType=accounting_storage/none"
    return
  fi
  cat <<END
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$1
AccountingStoragePort=$((CLUSTER_PORT + 4))
AccountingStoragePass=$SOCKET
AccountingStoreFlags=job_comment
AccountingStorageEnforce=associations,limits,qos
END
  (umask 077; cat > "$CLUSTER_DIR/slurmdbd.conf") <<END
AuthType=auth/munge
AuthInfo=socket=$SOCKET
DbdHost=localhost
DbdAddr=$1
DbdPort=$((CLUSTER_PORT + 4))
CommunicationParameters=NoInAddrAny
SlurmUser=$(id -un)
LogFile=$CLUSTER_DIR/log/slurmdbd.log
PidFile=$RUN/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageUser=$(id -un)
END
}

# MariaDB listens on a socket alone, and knows the user by it: no port, no password.
start_accounting() {
  local what
  [ -d "$DATA/mysql" ] || mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$DATA" \
    --auth-root-socket-user="$(id -un)" --skip-test-db > "$CLUSTER_DIR/log/mariadb-install.log" 2>&1
  alive mariadbd || mariadbd --no-defaults --user="$(id -un)" --datadir="$DATA" --skip-networking \
    --socket="$DATABASE" --pid-file="$RUN/mariadbd.pid" --innodb-buffer-pool-size=64M \
    --innodb-log-file-size=16M --innodb-lock-wait-timeout=900 \
    --innodb-flush-log-at-trx-commit=0 --log-error="$CLUSTER_DIR/log/mariadb.log" \
    </dev/null >/dev/null 2>&1 &
  wait_for 30 mariadb-admin --no-defaults --socket="$DATABASE" ping
  alive slurmdbd || SLURM_CONF=$CONF MYSQL_UNIX_PORT=$DATABASE slurmdbd
  wait_for 30 sacctmgr --noheader list cluster
  # The user is in one account of two; nobody may use the QOS `long`. All may be there already.
  for what in "cluster exprlab" "account lab others" "user $(id -un) account=lab" "qos long"; do
    sacctmgr -i add $what > "$CLUSTER_DIR/log/sacctmgr.log" 2>&1 || true
  done
}

all_ready() { [ "$(sinfo -h -N -t idle,mix,alloc -o %N | sort -u | wc -l)" = ${#NODES[@]} ]; }

start() {
  local node
  install
  if ! alive slurmctld; then configure; fi
  alive munged || munged --force --key-file="$CLUSTER_DIR/munge.key" --socket="$SOCKET" \
    --pid-file="$RUN/munged.pid" --log-file="$CLUSTER_DIR/log/munged.log" \
    --seed-file="$RUN/munge.seed"
  wait_for 10 munge -n -S "$SOCKET"
  [ "$CLUSTER_ACCOUNTING" != 1 ] || start_accounting
  alive slurmctld || slurmctld -c -f "$CONF"
  wait_for 20 scontrol ping
  for node in "${NODES[@]}"; do
    alive "slurmd-$node" || slurmd -N "$node" -f "$CONF"
  done
  wait_for 30 all_ready
}

no_jobs() { [ -z "$(squeue -h)" ]; }

stop() {
  local file pid signal
  if alive slurmctld; then
    scancel --user "$(id -un)" && (wait_for 30 no_jobs) || true
  fi
  for file in "$RUN"/{slurmd-*,slurmctld,slurmdbd,mariadbd,munged}.pid; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    # The number may belong to another process by now.
    signal=TERM
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      slurmd | slurmctld | mariadbd | munged) ;;
      slurmdbd) signal=KILL ;; # it would take seconds to add up what nobody asks for
      *) continue ;;
    esac
    kill -s "$signal" "$pid" || continue
    (wait_for 20 eval "! kill -0 $pid") || kill -9 "$pid"
    rm -f "$file"
  done
}

case ${1:-} in
  install) install ;;
  start) start; sinfo ;;
  stop) stop ;;
  status) alive slurmctld || fail "no cluster runs in $CLUSTER_DIR"; sinfo -N -l; squeue ;;
  *) sed -n 's/^# \{0,1\}//; 2,10p' "$0"; exit 2 ;;
esac

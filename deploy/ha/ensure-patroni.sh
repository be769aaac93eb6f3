#!/usr/bin/env bash
# Makes sure that Patroni and etcd are installed, for deploy/ha/drill.sh.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec bench/ensure-programs.sh patroni:patroni etcd-server:etcd python3-etcd:python3:etcd # Patroni talks to etcd through the last

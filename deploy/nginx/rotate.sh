#!/bin/sh
# Keeps nginx's log small without losing a line: it is renamed, and nginx told to open a
# new one. darkshare reads the renamed one to its end. Runs beside nginx, as its user,
# where it sees nginx's processes and its pid file.
#
#   rotate.sh LOG PID-FILE BYTES SECONDS
set -eu
log=$1 pid=$2 bytes=$3 seconds=$4
while sleep "$seconds"; do
  [ -f "$log" ] && [ -s "$pid" ] || continue
  [ "$(stat -c %s "$log")" -gt "$bytes" ] || continue
  mv "$log" "$log.1"
  kill -USR1 "$(cat "$pid")" || true # no process: it has just ended, and opens a new one when it is back
done

#!/bin/sh
# The init of the holder, see holder.ts. $1 is the marker of the node that started it, $2 its patience in seconds.
#
# Prints its process id outside of its namespaces, by the /proc that is still the one from there. Makes a namespace first,
# so that a kernel that forbids them is found at once. Then waits for the end of its input, and for the nodes in it;
# `wait` also reaps orphans.

read -r pid _ </proc/self/stat &&
  mount -t proc proc /proc &&
  mount -t tmpfs -o mode=755 tmpfs /run &&
  ip link set lo up &&
  ip netns add tine-probe && ip netns delete tine-probe &&
  echo "$pid" || exit 1
exec 3<&0 </dev/null >/dev/null 2>&1
cat <&3 &
exec 3<&-
wait $!
# Nodes see the end of their input as well. They and their watchdogs have things to clean up outside of the holder.
rounds=0
while [ $rounds -lt $(($2 * 10)) ] && grep -qsF -e "$1" /proc/[0-9]*/environ; do
  sleep 0.1 2>/dev/null || { sleep 1; rounds=$((rounds + 9)); }
  rounds=$((rounds + 1))
done

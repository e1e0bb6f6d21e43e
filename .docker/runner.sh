#!/bin/bash
# A runner as a node of the Ray cluster at $STAR_RAY_ADDRESS: a driver needs a raylet on its own machine.
# It ends when its node or its runner ends, so that what starts it again starts both.
ray start --address="$STAR_RAY_ADDRESS" --num-cpus=0 --block &
node=$!
until [ -S /tmp/ray/session_latest/sockets/raylet ]; do
  kill -0 $node || exit 1
  sleep 1
done
star run "$@" &
runner=$!
trap 'kill -INT $runner; wait $runner; kill $node; wait; exit 0' TERM INT
wait -n
kill $runner $node 2>/dev/null
wait
exit 1

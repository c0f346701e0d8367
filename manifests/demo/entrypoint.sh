#!/bin/sh
# What an image for game servers does first: puts the variables into the start command and becomes that command, so
# that signals reach the game itself. An installer is told what to run.
if [ $# -gt 0 ]; then exec "$@"; fi
cd /home/container || exit 1

command=$(printf '%s' "${STARTUP:-/game.sh}" | sed -e 's/{{/${/g' -e 's/}}/}/g')
printf ':/home/container$ %s\n' "$command"
eval "exec $command"

#!/bin/sh
# A pretend game server: loads a world, says when it is up, has players come and go, obeys its console and keeps its
# world in the working directory. It needs no network, no root and no writable file system but that directory.
# Usage: game.sh [world] [players at most]
set -u

world=${1:-world}
slots=${2:-8}
level=$world/level.txt

tick=0
players=''
seed=$(($(date +%s) + $$))

log() {
  printf '[%s] %s\n' "$(date +%H:%M:%S)" "$*"
}

# A number from 0 to $1 - 1, in $random.
roll() {
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  random=$((seed / 65536 % $1))
}

load() {
  log 'Starting demo server version 1'
  log "Loading world \"$world\""
  mkdir -p "$world" || exit 1
  if [ -f "$level" ]; then
    tick=$(sed -n 's/^tick //p' "$level")
    case $tick in '' | *[!0-9]*) tick=0 ;; esac
    log "Found the world at tick $tick"
  fi
  for percent in 0 34 71 100; do
    log "Preparing spawn area: $percent%"
    sleep 0.5
  done
  log 'Done (2.1s)! For help, type "help"'
}

# The level is replaced in one step, so that a copy taken at any time is whole; a part of the terrain changes with it.
save() {
  printf 'tick %s\nplayers%s\n' "$tick" "$players" >"$level.new" && mv "$level.new" "$level"
  roll 8
  head -c 16384 /dev/urandom >"$world/region.$random"
}

count_players() {
  set -- $players
  online=$#
}

join_or_leave() {
  roll 6
  case $random in
    0) name=Ada ;; 1) name=Grace ;; 2) name=Linus ;; 3) name=Margaret ;; 4) name=Dennis ;; *) name=Radia ;;
  esac
  case "$players " in
    *" $name "*)
      players=$(printf '%s ' "$players" | sed "s/ $name / /; s/ *$//")
      log "$name left the game"
      ;;
    *)
      count_players
      if [ "$online" -ge "$slots" ]; then return; fi
      players="$players $name"
      log "$name joined the game"
      ;;
  esac
}

stop() {
  trap '' INT TERM
  log 'Stopping the server'
  save
  log 'Saved the world'
  exit 0
}

obey() {
  case $1 in
    '') ;;
    stop) stop ;;
    help) log 'Commands: help, list, say <text>, crash, stop' ;;
    list)
      count_players
      log "There are $online of $slots players online:$players"
      ;;
    say\ *) log "[Server] ${1#say }" ;;
    crash)
      log 'Exception in server tick loop'
      exit 1
      ;;
    *) log 'Unknown command. Type "help" for help.' ;;
  esac
}

# One pass of the loop is a second, or the time until somebody types.
play() {
  while :; do
    before=$(date +%s)
    if IFS= read -r -t 1 line; then
      obey "$(printf '%s' "$line" | tr -d '\r')"
    elif [ "$(date +%s)" -eq "$before" ]; then
      sleep 1 # the console is closed: reading it ends at once
    fi
    if [ "$(date +%s)" -eq "$before" ]; then continue; fi
    tick=$((tick + 1))
    if [ $((tick % 7)) -eq 0 ]; then join_or_leave; fi
    if [ $((tick % 10)) -eq 0 ]; then save; fi
    if [ $((tick % 60)) -eq 0 ]; then
      count_players
      log "Tick $tick, $online players online, world saved"
    fi
  done
}

trap stop INT TERM
load
play

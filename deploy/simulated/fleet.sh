#!/bin/sh
# Parts of a simulated fleet on this machine, in the folder STATE:
#   fleet.sh centre        the centre, with its page
#   fleet.sh agent NAME    an agent with a simulated card
#   fleet.sh gate NAME     one that takes 5 of the card
# Each goes on where it was when it is started again.
set -eu
state=${STATE:-/state}
what=${1:?centre, agent or gate}

if [ "$what" = centre ]; then
	exec desfire-server --dir "$state/centre" --listen "${NATS:-127.0.0.1:4222}" --join "${JOIN:-127.0.0.1:7343}" --page "${PAGE:-127.0.0.1:7342}"
fi

name=${2:?a name}
own=$state/$name
mkdir -p "$own"

# A card, which for a gate has 1000 on it.
if [ ! -e "$own/card.json" ]; then
	desfire sim new "$own/new.json" --purse
	mv "$own/new.keys.yaml" "$own/card.keys.yaml"
	mv "$own/new.json" "$own/card.json"
fi

# A token, as often as it takes until it has joined.
if [ ! -e "$own/agent.json" ]; then
	until desfire-server invite "$name" --role agent --replace --dir "$state/centre" >"$own/join.txt"; do
		sleep 1
	done
fi

if [ "$what" = gate ]; then
	if [ ! -e "$own/ready" ]; then
		[ -e "$own/gate.db" ] || desfire purse init "$own/gate.db" F48121/1 --slot 2:0 --reader "sim:$own/card.json" --keys "$own/card.keys.yaml"
		desfire purse credit 900 --id start --journal "$own/gate.db" --reader "sim:$own/card.json" --keys "$own/card.keys.yaml"
		touch "$own/ready"
	fi
	exec desfire agent --fleet "$own/agent.json" --join "@$own/join.txt" --reader "sim:$own/card.json" --purse "$own/gate.db" --debit 5 --keys "$own/card.keys.yaml"
fi
exec desfire agent --fleet "$own/agent.json" --join "@$own/join.txt" --reader "sim:$own/card.json"

package main

import (
	"github.com/nats-io/nats-server/v2/server"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/operations"
)

// collect gives the metrics of the fleet and of NATS.
func (c *running) collect(v operations.Values) {
	now := c.view.Now()
	states := map[string]int{"here": 0, "late": 0, "away": 0, "draining": 0, "revoked": 0, "never": 0}
	for i := range now.Agents {
		switch a := &now.Agents[i]; {
		case a.Revoked:
			states["revoked"]++
		case a.Draining && a.State == fleet.Here:
			states["draining"]++
		default:
			states[string(a.State)]++
		}
	}
	for state, n := range states {
		v("desfire_agents", float64(n), state)
	}
	counts := now.Counts()
	v("desfire_readers", float64(counts.Readers))
	v("desfire_cards", float64(counts.Cards))
	v("desfire_leases", float64(counts.Leased))
	v("desfire_readers_in_trouble", float64(counts.Trouble))
	alarms := map[fleet.Severity]int{fleet.Bad: 0, fleet.Doubt: 0}
	for _, a := range now.Alarms {
		alarms[a.Severity]++
	}
	for severity, n := range alarms {
		v("desfire_alarms", float64(n), string(severity))
	}
	v("desfire_ledger_lines", float64(now.Totals.Lines))
	v("desfire_ledger_open", float64(now.Totals.Open))
	v("desfire_ledger_happened", float64(now.Totals.Happened))
	v("desfire_ledger_cards", float64(now.Totals.Cards))
	v("desfire_ledger_gaps", float64(now.Totals.Gaps))
	v("desfire_ledger_judging", float64(now.Totals.Judging))
	allowed, refused := c.view.KeyCounts()
	v("desfire_key_uses_total", float64(allowed), "allowed")
	v("desfire_key_uses_total", float64(refused), "refused")
	v("desfire_disk_free_bytes", float64(c.space.free.Load()))
	v("desfire_disk_reserve_bytes", float64(c.space.reserve))
	c.collectNATS(v)
}

func (c *running) collectNATS(v operations.Values) {
	var stats server.Varz
	var stored uint64
	if s := c.nats.server(); s != nil {
		if all, err := s.Varz(nil); err == nil {
			stats = *all
		}
		if js, err := s.Jsz(nil); err == nil {
			stored = js.Store
		}
	}
	v("desfire_nats_connections", float64(stats.Connections))
	v("desfire_nats_messages_total", float64(stats.InMsgs), "in")
	v("desfire_nats_messages_total", float64(stats.OutMsgs), "out")
	v("desfire_nats_bytes_total", float64(stats.InBytes), "in")
	v("desfire_nats_bytes_total", float64(stats.OutBytes), "out")
	v("desfire_nats_slow_consumers_total", float64(stats.SlowConsumers))
	v("desfire_store_bytes", float64(stored))
}

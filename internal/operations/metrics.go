package operations

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// Metric is one that is told.
type Metric struct {
	Name   string
	Type   string // gauge or counter
	Labels string // of what, as state
	Help   string
	Server bool // desfire-server has it
	Agent  bool // desfire agent has it
}

// Metrics are all of them, but those of the process: process_ and go_.
var Metrics = []Metric{
	{"desfire_build_info", "gauge", "version", "1, for the version of the program", true, true},
	{"desfire_ready", "gauge", "part", "1 if a part of the program is ready", true, true},

	{"desfire_agents", "gauge", "state", "agents that are here, late, away, draining, revoked, or never came", true, false},
	{"desfire_readers", "gauge", "", "readers", true, true},
	{"desfire_cards", "gauge", "", "readers on which a card lies", true, true},
	{"desfire_leases", "gauge", "", "cards that somebody works with", true, true},
	{"desfire_readers_in_trouble", "gauge", "", "readers that somebody has to look after", true, false},
	{"desfire_alarms", "gauge", "severity", "what needs somebody: bad, or in doubt", true, false},

	{"desfire_ledger_lines", "gauge", "", "lines of the ledger", true, false},
	{"desfire_ledger_open", "gauge", "", "of them those of which it is not known yet what became of them", true, false},
	{"desfire_ledger_happened", "gauge", "", "of them those that happened", true, false},
	{"desfire_ledger_cards", "gauge", "", "cards in it", true, false},
	{"desfire_ledger_gaps", "gauge", "", "of them those with transactions that nobody reported", true, false},
	{"desfire_ledger_judging", "gauge", "", "cards of which something new does not count yet", true, false},

	{"desfire_key_uses_total", "counter", "outcome", "questions to the key service that were allowed or refused, since the start", true, false},

	{"desfire_nats_connections", "gauge", "", "connections to the embedded NATS server", true, false},
	{"desfire_nats_messages_total", "counter", "direction", "messages that came in and went out there", true, false},
	{"desfire_nats_bytes_total", "counter", "direction", "their bytes", true, false},
	{"desfire_nats_slow_consumers_total", "counter", "", "connections that were cut since they took too little", true, false},
	{"desfire_store_bytes", "gauge", "", "what JetStream keeps on disk", true, false},
	{"desfire_disk_free_bytes", "gauge", "", "what is free on the disk of the store", true, false},
	{"desfire_disk_reserve_bytes", "gauge", "", "what must stay free there: with less, nothing is taken down any more", true, false},

	{"desfire_connected", "gauge", "", "1 if the agent has its connection to the centre", false, true},
	{"desfire_reconnects_total", "counter", "", "how often it was lost and came back", false, true},
	{"desfire_orders_total", "counter", "outcome", "payments and orders of a gate that were done, refused, failed, or are in doubt", false, true},
	{"desfire_outbox_waiting", "gauge", "", "changes of the journal of a gate that the centre has not confirmed", false, true},
}

// Values gives the value of a metric. labels are values of its labels, in their order.
type Values func(name string, value float64, labels ...string)

// Registry tells metrics. Its collectors are asked each time.
type Registry struct {
	build string

	mu      sync.Mutex
	collect []func(Values)
	set     *metrics.Set
}

// NewRegistry makes one for a program of a version.
func NewRegistry(version string) *Registry {
	return &Registry{build: version, set: metrics.NewSet()}
}

// Collect has f asked for values whenever they are wanted. A name that is not among Metrics
// panics: it would not be documented.
func (r *Registry) Collect(f func(Values)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collect = append(r.collect, f)
}

// Count adds to a counter.
func (r *Registry) Count(name string, n int, labels ...string) {
	full := fullName(name, labels)
	r.set.GetOrCreateCounter(full).Add(n)
}

// fullName is a metric with its labels.
func fullName(name string, labels []string) string {
	i := slices.IndexFunc(Metrics, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		panic("operations: " + name + " is no metric that is documented")
	}
	names := strings.Fields(Metrics[i].Labels)
	if len(names) != len(labels) {
		panic(fmt.Sprintf("operations: %s has %d labels, got %d", name, len(names), len(labels)))
	}
	if len(names) == 0 {
		return name
	}
	var pairs []string
	for i, n := range names {
		pairs = append(pairs, fmt.Sprintf("%s=%q", n, labels[i]))
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// WritePrometheus writes all metrics as Prometheus reads them.
func (r *Registry) WritePrometheus(w io.Writer) {
	values := map[string]float64{}
	put := func(name string, value float64, labels ...string) { values[fullName(name, labels)] = value }
	put("desfire_build_info", 1, r.build+" "+runtime.Version())
	r.mu.Lock()
	collect := slices.Clone(r.collect)
	r.mu.Unlock()
	for _, f := range collect {
		f(put)
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s %v\n", name, values[name])
	}
	r.set.WritePrometheus(&b)
	metrics.WriteProcessMetrics(&b)
	_, _ = b.WriteTo(w)
}

// Table is the list of all metrics, as Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| Metric | Labels | Type | Of | What |\n|---|---|---|---|---|\n")
	for _, m := range Metrics {
		of := "both"
		if !m.Agent {
			of = "server"
		} else if !m.Server {
			of = "agent"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Labels, m.Type, of, m.Help)
	}
	return b.String()
}

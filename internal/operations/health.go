package operations

import (
	"cmp"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Health is how the parts of a program are.
type Health struct {
	mu       sync.Mutex
	parts    map[string]Part
	draining bool
	changed  func()
}

// Part is one of them.
type Part struct {
	Name  string    `json:"name"`
	Ready bool      `json:"ready"`
	Words string    `json:"words,omitempty"` // how it is, or why it is not ready
	Since time.Time `json:"since"`
}

// NewHealth makes one whose parts are not ready. changed is called at each change; it may
// be nil.
func NewHealth(changed func(), parts ...string) *Health {
	h := &Health{parts: map[string]Part{}, changed: changed}
	for _, name := range parts {
		h.parts[name] = Part{Name: name, Words: "it is being started", Since: time.Now()}
	}
	return h
}

// Set says how a part is. It reports whether that is news.
func (h *Health) Set(name string, ready bool, words string) bool {
	h.mu.Lock()
	old, known := h.parts[name]
	different := !known || old.Ready != ready || old.Words != words
	if different {
		p := Part{Name: name, Ready: ready, Words: words, Since: time.Now()}
		if known && old.Ready == ready {
			p.Since = old.Since
		}
		h.parts[name] = p
	}
	changed := h.changed
	h.mu.Unlock()
	if different && changed != nil {
		changed()
	}
	return different
}

// Drain says that the program ends: it lives, and is not ready any more.
func (h *Health) Drain() {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
}

// Parts are how all are, by name.
func (h *Health) Parts() []Part {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []Part
	for _, p := range h.parts {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Part) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Ready reports whether all parts are, and the program does not end.
func (h *Health) Ready() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.parts {
		if !p.Ready {
			return false
		}
	}
	return !h.draining
}

// Collect gives the metrics of the parts.
func (h *Health) Collect(v Values) {
	for _, p := range h.Parts() {
		v("desfire_ready", number(p.Ready), p.Name)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Handler answers /healthz, which is fine while the program lives, /readyz, which is fine
// while all parts are, and /metrics, to this machine alone unless open.
func Handler(h *Health, r *Registry, open bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		draining := h.draining
		h.mu.Unlock()
		ready := h.Ready()
		w.Header().Set("Content-Type", "application/json")
		if !ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		answer := map[string]any{"ready": ready, "draining": draining}
		if local(r) { // why is for those who run it
			answer["parts"] = h.Parts()
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, q *http.Request) {
		if !open && !local(q) {
			http.Error(w, "The metrics are for this machine only; --metrics opens an address for them.", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		r.WritePrometheus(w)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, q)
	})
}

// local reports whether a request is from this machine.
func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-desfire/desfire/fleet"
)

const (
	fleetEvery  = time.Second // so often a page hears of changes, however many there are
	fleetWindow = 48          // readers that a page has at once
	fleetLines  = 25          // lines of the ledger, or uses of keys
	fleetAlarms = 6
)

func (s *Server) fleetRoutes() {
	s.view("fleet", func(w http.ResponseWriter, r *http.Request) { s.renderFleet(w, r, "fleet") })
	s.view("fleet-now", func(w http.ResponseWriter, r *http.Request) { s.renderFleet(w, r, "fleet-now") })
	if _, ok := s.conf.Fleet.(fleet.Operator); ok {
		s.action("fleet-invite", s.fleetInvite)
		s.action("fleet-revoke", s.fleetRevoke)
		s.action("fleet-drain", s.fleetDrain)
	}
}

// followFleet tells pages of changes of the fleet.
func (s *Server) followFleet(ctx context.Context) {
	changed := s.conf.Fleet.Changed()
	for {
		select {
		case <-changed:
			changed = s.conf.Fleet.Changed() // before it is told, so that none is missed
			s.tell("fleet", "")
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(fleetEvery):
		case <-ctx.Done():
			return
		}
	}
}

// fleetView is the view of the fleet.
type fleetView struct {
	*fleet.Snapshot
	Operator bool
	Part     string // readers, agent, ledger, keys
	Text     string
	Show     fleet.Show
	Only     bool   // open entries, or refused keys
	Name     string // of the agent that is looked at
	Page     int    // from 1
	Counts   fleet.Counts
	Error    error // of what the part shows

	Alarms     []fleet.Alarm
	MoreAlarms int
	Board      *fleetBoard
	One        *fleet.Agent
	Ledger     *fleet.LedgerPage
	Keys       *fleet.KeyPage
	From, To   int // what of Total is shown
	Total      int
	Pages      int
}

func (s *Server) renderFleet(w http.ResponseWriter, r *http.Request, name string) {
	_, operator := s.conf.Fleet.(fleet.Operator)
	v := &fleetView{
		Snapshot: s.conf.Fleet.Now(), Operator: operator, Part: r.FormValue("part"), Name: r.FormValue("agent"),
		Text: clipped(strings.TrimSpace(r.FormValue("q"))), Show: fleet.Show(r.FormValue("show")), Only: r.FormValue("only") != "",
	}
	v.Page, _ = strconv.Atoi(r.FormValue("page"))
	v.Page = max(v.Page, 1)
	v.Counts = v.Snapshot.Counts()
	v.Alarms = v.Snapshot.Alarms
	if n := len(v.Alarms); n > fleetAlarms && r.FormValue("alarms") == "" {
		v.Alarms, v.MoreAlarms = v.Alarms[:fleetAlarms], n-fleetAlarms
	}
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	switch v.Part {
	case "ledger":
		v.window(fleetLines, func(skip int) (total int) {
			v.Ledger, v.Error = s.conf.Fleet.Ledger(ctx, fleet.LedgerQuery{Text: v.Text, Open: v.Only, Skip: skip, Most: fleetLines})
			if v.Error == nil {
				total = v.Ledger.Total
			}
			return total
		})
	case "keys":
		v.window(fleetLines, func(skip int) (total int) {
			v.Keys, v.Error = s.conf.Fleet.KeyUses(ctx, fleet.KeyQuery{Text: v.Text, Refused: v.Only, Skip: skip, Most: fleetLines})
			if v.Error == nil {
				total = v.Keys.Total
			}
			return total
		})
	case "agent":
		v.One = v.Agent(v.Name)
		fallthrough
	default:
		if v.One == nil {
			v.Part = "readers"
		}
		v.Board = s.fleetBoard(v)
	}
	s.render(w, r, name, v)
}

// window has get find what is on the page that is asked for, or on the last one there is.
func (v *fleetView) window(size int, get func(skip int) (total int)) {
	for {
		v.Total = get((v.Page - 1) * size)
		v.Pages = max((v.Total+size-1)/size, 1)
		if v.Page <= v.Pages {
			break
		}
		v.Page = v.Pages
	}
	v.From, v.To = min((v.Page-1)*size+1, v.Total), min(v.Page*size, v.Total)
}

// Query is the address of the view with other values: name, value and so on.
func (v *fleetView) Query(other ...string) string {
	q := url.Values{}
	set := func(name, value string) {
		if q.Del(name); value != "" {
			q.Set(name, value)
		}
	}
	set("part", v.Part)
	set("q", v.Text)
	set("show", string(v.Show))
	if v.Only {
		set("only", "1")
	}
	if v.Part == "agent" {
		set("agent", v.Name)
	}
	if v.Page > 1 {
		set("page", strconv.Itoa(v.Page))
	}
	for i := 0; i+1 < len(other); i += 2 {
		set(other[i], other[i+1])
	}
	return q.Encode()
}

// Turn is the number of another page.
func (v *fleetView) Turn(by int) string { return strconv.Itoa(v.Page + by) }

// Tab is the address of another part of the view.
func (v *fleetView) Tab(part string) string { return url.Values{"part": {part}}.Encode() }

// Title says what there is.
func (v *fleetView) Title() string { return sentence(v.Counts.Words()) }

// Ready says whether all in the middle is well.
func (v *fleetView) NotReady() (parts []fleet.Part) {
	for _, p := range v.Centre.Parts {
		if !p.Ready {
			parts = append(parts, p)
		}
	}
	return parts
}

package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-desfire/desfire/fleet"
)

// fleetDone is what came of something that was asked of the fleet.
type fleetDone struct {
	Err         error
	Words, Next string
	Invitation  *fleet.Invitation
}

func (s *Server) fleetDone(w http.ResponseWriter, r *http.Request, d fleetDone) {
	if d.Err != nil {
		s.conf.Logger.Info("the fleet did not do what the page asked for", "err", d.Err)
	}
	s.render(w, r, "fleet-done", d)
	s.tell("fleet", "")
}

func (s *Server) operator() fleet.Operator { return s.conf.Fleet.(fleet.Operator) }

func (s *Server) fleetInvite(w http.ResponseWriter, r *http.Request) {
	inv, err := s.operator().Invite(r.Context(), strings.TrimSpace(r.FormValue("agent")))
	s.fleetDone(w, r, fleetDone{Err: err, Invitation: inv})
}

func (s *Server) fleetDrain(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("agent")
	err := s.operator().Drain(r.Context(), name)
	s.fleetDone(w, r, fleetDone{Err: err, Words: name + " is being drained.", Next: "It ends what it does, and takes nothing new. Starting it again ends that."})
}

// fleetRevoke wants the name of the agent typed, since there is no way back.
func (s *Server) fleetRevoke(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("agent")
	if typed := strings.TrimSpace(r.FormValue("name")); name == "" || !strings.EqualFold(typed, name) {
		s.fleetDone(w, r, fleetDone{Err: errors.New("the name of the agent was not typed: nothing was done")})
		return
	}
	err := s.operator().Revoke(r.Context(), name)
	s.fleetDone(w, r, fleetDone{Err: err, Words: name + " was revoked.", Next: "Its connection is closed, and it is not let in again. To have it back, invite it anew."})
}

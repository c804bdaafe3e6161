package web

import (
	"errors"
	"net/http"
	"strings"
)

// Remote lets others than this computer reach the page. Each request must have
// come with TLS, which the http.Server in front of the page does, and who uses it
// logs in: one-time codes are not taken.
type Remote struct {
	// Hosts are the names and IP addresses, without ports, under which browsers
	// reach the page. At least one is needed; requests for others are refused.
	Hosts []string

	// Password is what HashPassword made of the password.
	Password string
}

// prepare checks what a Remote says.
func (r *Remote) prepare() (hosts map[string]bool, password *passwordHash, err error) {
	hosts = map[string]bool{}
	for _, h := range r.Hosts {
		h = strings.ToLower(strings.Trim(h, "[]"))
		if h == "" || strings.ContainsAny(h, "/ ") {
			return nil, nil, errors.New("web: Remote.Hosts has one that is no name of a host")
		}
		hosts[h] = true
	}
	if len(hosts) == 0 {
		return nil, nil, errors.New("web: Remote.Hosts is empty: say under which names browsers reach the page")
	}
	password, err = parsePasswordHash(r.Password)
	return hosts, password, err
}

func (s *Server) loginRoutes() {
	s.mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		if s.conf.Remote == nil {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		s.render(w, r, "login", "")
	})
	s.mux.HandleFunc("POST /login", s.login)
	s.action("leave", func(w http.ResponseWriter, r *http.Request) {
		s.sessions.close(sessionOf(r))
		w.Header().Set("Clear-Site-Data", `"storage"`)
		w.WriteHeader(http.StatusNoContent)
	})
}

// login makes a session of a password. One password is looked at at a time, since
// that is work.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	again := func(status int, words string) { s.renderStatus(w, status, "login", words) }
	if s.conf.Remote == nil {
		http.NotFound(w, r)
		return
	}
	if !s.guesses.take(r.RemoteAddr, s.clock()) {
		w.Header().Set("Retry-After", "10")
		again(http.StatusTooManyRequests, "Too many attempts. Wait ten seconds.")
		return
	}
	if err := r.ParseForm(); err != nil {
		again(http.StatusBadRequest, "The form was not understood. Try again.")
		return
	}
	s.hashing.Lock()
	right := s.password.is(r.PostForm.Get("password"))
	s.hashing.Unlock()
	if !right {
		s.conf.Logger.Warn("a wrong password", "from", r.RemoteAddr)
		again(http.StatusUnauthorized, "This is not the password.")
		return
	}
	s.guesses.forget(r.RemoteAddr)
	s.conf.Logger.Info("somebody logged in", "from", r.RemoteAddr)
	s.letIn(w, r, s.sessions.login(s.clock()))
}

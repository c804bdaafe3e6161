package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
)

//go:embed assets templates
var files embed.FS

// viewName is a page of the shell.
type viewName struct{ Path, Name string }

// viewsOf are the pages of the shell, in the order of the bar.
func viewsOf(conf *Config) []viewName {
	views := []viewName{{"card", "Card"}, {"traffic", "Traffic"}, {"play", "Play"}, {"log", "Log"}, {"purse", "Purse"}, {"layout", "Layout"}}
	if conf.Fleet != nil {
		views = append([]viewName{{"fleet", "Fleet"}}, views...)
	}
	return views
}

// isShell reports whether a path is one of the shell.
func (s *Server) isShell(path string) bool {
	for _, v := range s.views {
		if path == "/"+v.Path {
			return true
		}
	}
	return path == "/"
}

func (s *Server) shellRoutes() {
	s.mux.HandleFunc("GET /{$}", s.shell)
	for _, v := range s.views {
		s.mux.HandleFunc("GET /"+v.Path, s.shell)
	}
	s.mux.HandleFunc("GET /assets/{name}", asset)
}

// shell is the frame of the page, without anything of a card. It exchanges the
// code for a cookie first.
func (s *Server) shell(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("code") {
		s.exchange(w, r)
		return
	}
	sess := sessionOf(r)
	if sess == nil {
		// Who comes by a link on another site has perhaps a session that was not told: refuse
		// has the page ask once more.
		if s.conf.Remote != nil && r.Header.Get("Sec-Fetch-Site") != "cross-site" {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		s.refuse(w, r, s.noSession())
		return
	}
	view := strings.TrimPrefix(r.URL.Path, "/")
	if view == "" {
		view = s.views[0].Path
	}
	token := ""
	if r.Method == http.MethodGet {
		token = sess.offer()
	}
	s.render(w, r, "shell", map[string]any{
		"View": view, "Views": s.views, "Reader": readerID(r.URL.Query().Get("reader")), "Address": r.Host,
		"Instance": s.sessions.instance, "Token": token, "Remote": s.conf.Remote != nil,
	})
}

// readerID is what may be the address of a reader. It becomes a part of other addresses,
// and who made a link to the page adds nothing else to them.
func readerID(asked string) string {
	other := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') }
	if len(asked) > 20 || strings.ContainsFunc(asked, other) {
		return ""
	}
	return asked
}

// exchange makes a session of a one-time code. A browser that only fetches ahead
// does not use it up.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || strings.EqualFold(r.Header.Get("Purpose"), "prefetch") {
		s.refuse(w, r, &refusal{http.StatusServiceUnavailable, "Open this address", "It is valid once, and not fetched ahead."})
		return
	}
	now := s.clock()
	if !s.guesses.take(r.RemoteAddr, now) {
		s.refuse(w, r, &refusal{http.StatusTooManyRequests, "Too many attempts", "Wait a minute, and open a new address."})
		return
	}
	cookie, ok := s.sessions.exchange(r.URL.Query().Get("code"), now)
	if !ok {
		s.conf.Logger.Warn("an address of the page was opened that is not valid", "from", r.RemoteAddr)
		s.refuse(w, r, &refusal{http.StatusUnauthorized, "This address is not valid any more",
			"It was used already, or is older than a minute. Press Enter where desfire web runs to get a new one. If you have not used it yourself, somebody else did."})
		return
	}
	s.guesses.forget(r.RemoteAddr)
	s.letIn(w, r, cookie)
}

// letIn gives a browser its session, in place of the one that it had, and leads it
// to a clean address.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request, cookie string) {
	if old := sessionOf(r); old != nil {
		s.sessions.close(old)
	}
	http.SetCookie(w, &http.Cookie{Name: s.sessions.cookie, Value: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// sums tell versions of assets apart.
var sums = sync.OnceValue(func() map[string]string {
	sums := map[string]string{}
	entries, _ := files.ReadDir("assets")
	for _, e := range entries {
		if b, err := files.ReadFile("assets/" + e.Name()); err == nil {
			sum := sha256.Sum256(b)
			sums[e.Name()] = `"` + hex.EncodeToString(sum[:16]) + `"`
		}
	}
	return sums
})

// asset is a file of the page, the same for everybody.
func asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	sum, ok := sums()[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache") // kept, and asked for whether it still is the same
	w.Header().Set("ETag", sum)
	http.ServeFileFS(w, r, files, "assets/"+name)
}

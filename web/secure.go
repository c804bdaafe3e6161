package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// policy allows what the page has of its own and nothing else. Text becomes HTML
// in one place of its script only, by the Trusted Types policy of that name.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types desfire"

const (
	mostBody     = 16 << 20 // bytes of a request; less than what multipart forms may take in memory
	mostForm     = 64 << 10 // bytes, where nothing is uploaded
	mostURL      = 8 << 10
	bodyWithin   = 30 * time.Second
	answerWithin = time.Minute
	mostAtOnce   = 64 // requests that are being answered, streams apart
	mostStrange  = 16 // of them without a session
	mostUploads  = 4
)

// refusal is why a request gets nothing.
type refusal struct {
	status      int
	Title, What string
}

// ServeHTTP answers a request of the page. What protects the page stands before
// everything else, so that no view and no program around it can forget it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.protect(w.Header(), r)
	defer s.caught(w, r)
	if no := s.admit(r); no != nil {
		s.refuse(w, r, no)
		return
	}
	r, no := s.access(r)
	if no != nil {
		s.refuse(w, r, no)
		return
	}
	if !streams(r) {
		leave, no := s.enter(r)
		if no != nil {
			s.refuse(w, r, no)
			return
		}
		defer leave()
		s.bound(w, r)
	}
	s.mux.ServeHTTP(w, r)
}

func streams(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.Path == "/stream" }

// protect sets what every answer has.
func (s *Server) protect(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=()")
	h.Set("X-Robots-Tag", "noindex")
	if s.conf.Remote != nil && r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// admit refuses what cannot come from the page itself, whoever asks.
func (s *Server) admit(r *http.Request) *refusal {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return &refusal{http.StatusMethodNotAllowed, "Not understood", "The page sends GET and POST only."}
	}
	if p := r.URL.Path; len(r.RequestURI) > mostURL || p == "" || path.Clean(p) != p && path.Clean(p)+"/" != p {
		return &refusal{http.StatusBadRequest, "Not understood", "This address is none of the page."}
	}
	if u, err := url.ParseRequestURI(r.RequestURI); err != nil || u.Path != r.URL.Path {
		return &refusal{http.StatusInternalServerError, "The page has no place of its own", "It was put under a path. Give it a host name or a port that nothing else has: what shares them could read it."}
	}
	if no := s.comesFrom(r); no != nil {
		return no
	}
	return s.sameOrigin(r)
}

// comesFrom refuses connections that the page is not for.
func (s *Server) comesFrom(r *http.Request) *refusal {
	host := hostOf(r.Host)
	if remote := s.conf.Remote; remote != nil {
		if r.TLS == nil {
			return &refusal{http.StatusForbidden, "Not encrypted", "This page is served with TLS only. Open it by https."}
		}
		if !s.hosts[host] {
			return &refusal{http.StatusMisdirectedRequest, "Another name", "This page is not served under this name. Open it by one that it was started with."}
		}
		return nil
	}
	if !address(r.RemoteAddr).IsLoopback() {
		return &refusal{http.StatusForbidden, "For this computer only", "This page is served to the computer it runs on. To reach it from elsewhere, it must be started with TLS and a password."}
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return &refusal{http.StatusForbidden, "For this computer only", "A proxy passed this request on (" + name + "). To be reached through one, the page must be started with TLS and a password."}
		}
	}
	if host != "localhost" && !address(host).IsLoopback() {
		return &refusal{http.StatusMisdirectedRequest, "Another name", "This page is at 127.0.0.1 and localhost, under no other name."}
	}
	return nil
}

// hostOf is the host of host:port in small letters, empty if there is none.
func hostOf(hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = hostport, "0"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
}

// sameOrigin refuses requests that another page sent. Browsers say so in headers
// that no script can set; older ones say it of POST only, and there the token
// decides.
func (s *Server) sameOrigin(r *http.Request) *refusal {
	no := &refusal{http.StatusForbidden, "Not from this page", "Only the page itself may ask for this."}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	site := r.Header.Get("Sec-Fetch-Site")
	switch origin := r.Header.Get("Origin"); {
	case strings.EqualFold(origin, scheme+r.Host):
	case site == "same-origin" && (origin == "" || origin == "null"): // as Referrer-Policy makes it
	case origin == "" && r.Method != http.MethodPost:
	default:
		return no
	}
	if s.isShell(r.URL.Path) {
		// A link to the page from anywhere may be followed: it shows a frame without
		// data, and nothing at all without a session.
		if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
			return no
		}
		if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
			return no
		}
		return nil
	}
	if site != "" && site != "same-origin" && site != "none" {
		return no
	}
	return nil
}

// access finds the session of a request. All but the shell, its assets and the
// stream, which have their own rules, need the cookie and the token.
func (s *Server) access(r *http.Request) (*http.Request, *refusal) {
	now := s.clock()
	sess := s.sessions.of(r, now)
	limit, from := s.strangers, r.RemoteAddr
	if sess != nil {
		limit, from = sess.limit, ""
		r = r.WithContext(withSession(r.Context(), sess))
	}
	if !limit.take(from, now) {
		return r, &refusal{http.StatusTooManyRequests, "Too many requests", "The page asked too often. It goes on by itself in a moment."}
	}
	if s.isShell(r.URL.Path) || strings.HasPrefix(r.URL.Path, "/assets/") || r.URL.Path == "/login" || streams(r) {
		return r, nil
	}
	if sess != nil && !strings.HasPrefix(r.URL.Path, "/v/") && !strings.HasPrefix(r.URL.Path, "/do/") && r.URL.Path != "/stream" {
		return r, &refusal{http.StatusNotFound, "There is no such page", "Its views are " + s.viewNames() + "."}
	}
	if sess == nil || !sess.has(r.Header.Get("X-Desfire-Token")) {
		return r, s.noSession()
	}
	return r, nil
}

// viewNames are the addresses of the views, for people.
func (s *Server) viewNames() string {
	var names []string
	for _, v := range s.views {
		names = append(names, "/"+v.Path)
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func (s *Server) noSession() *refusal {
	if s.conf.Remote != nil {
		return &refusal{http.StatusUnauthorized, "This page has no session", "It has ended, or this browser never had one. Log in."}
	}
	return &refusal{http.StatusUnauthorized, "This page has no session", "It has ended, or this browser never had one. Open the address that desfire web prints; it prints another one when you press Enter there."}
}

// enter counts a request in; leave counts it out.
func (s *Server) enter(r *http.Request) (leave func(), no *refusal) {
	rooms := []chan struct{}{s.atOnce}
	switch {
	case sessionOf(r) == nil:
		rooms = append(rooms, s.strange) // so that they leave room for others
	case uploads(r):
		rooms = append(rooms, s.uploads)
	}
	taken := 0
	leave = func() {
		for _, room := range rooms[:taken] {
			<-room
		}
	}
	for _, room := range rooms {
		select {
		case room <- struct{}{}:
			taken++
		default:
			leave()
			return nil, &refusal{http.StatusServiceUnavailable, "Too much at once", "The page is asked for too much at once. Try again in a moment."}
		}
	}
	return leave, nil
}

// uploads reports whether a request may have more than a form that is typed.
func uploads(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), "/")
	return strings.EqualFold(strings.TrimSpace(kind), "multipart") || r.ContentLength < 0 || r.ContentLength > mostForm
}

// bound limits the size of a request, and how long its sender and the receiver of
// the answer may take.
func (s *Server) bound(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	now := time.Now()
	_ = control.SetWriteDeadline(now.Add(answerWithin)) // not all can, and those of net/http do
	most := int64(mostForm)
	if sessionOf(r) != nil && strings.HasPrefix(r.URL.Path, "/do/") && uploads(r) {
		most = mostBody
	}
	if r.Body != nil && r.Body != http.NoBody {
		_ = control.SetReadDeadline(now.Add(bodyWithin))
		r.Body = &timely{ReadCloser: http.MaxBytesReader(w, r.Body, most), control: control}
	}
}

// refuse answers with a refusal: a page of its own where one was asked for.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	if no.status == http.StatusTooManyRequests || no.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if !s.isShell(r.URL.Path) && r.URL.Path != "/login" {
		http.Error(w, no.Title+". "+no.What, no.status)
		return
	}
	// A link on another site brings no cookie that is SameSite=Strict. The page asks
	// once more, by itself, and then it does.
	again := no.status == http.StatusUnauthorized && r.URL.Query().Get("code") == "" && r.Header.Get("Sec-Fetch-Site") == "cross-site"
	s.renderStatus(w, no.status, "refused", map[string]any{"No": no, "Again": again, "Login": s.conf.Remote != nil && no.status == http.StatusUnauthorized})
}

// caught answers for a part of the page that panicked.
func (s *Server) caught(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.conf.Logger.Error("a part of the page failed", "path", r.URL.Path, "err", p, "stack", string(debug.Stack()))
	http.Error(w, "This part of the page failed. The rest of it goes on.", http.StatusInternalServerError)
}

package web

import "net/http"

// routes registers everything. Views register themselves: each file has its own.
func (s *Server) routes() {
	s.shellRoutes()
	s.loginRoutes()
	s.streamRoutes()
	s.railRoutes()
	s.jobRoutes()
	s.cardRoutes()
	s.doRoutes()
	s.trafficRoutes()
	s.playRoutes()
	s.storyRoutes()
	s.logRoutes()
	s.purseRoutes()
	s.layoutRoutes()
	if s.conf.Fleet != nil {
		s.fleetRoutes()
	}
}

// view registers a fragment: GET /v/NAME.
func (s *Server) view(name string, h http.HandlerFunc) {
	s.register("GET /v/"+name, h)
}

// action registers something to do: POST /do/NAME.
func (s *Server) action(name string, h http.HandlerFunc) {
	s.register("POST /do/"+name, h)
}

// register is for what needs a session and its token, which is all but the shell: see
// access.
func (s *Server) register(pattern string, h http.HandlerFunc) {
	s.patterns = append(s.patterns, pattern)
	s.mux.HandleFunc(pattern, h)
}

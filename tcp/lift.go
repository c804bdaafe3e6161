package tcp

import "net"

// Lift ends every connection that there is, whether its client has said a word or
// not: the card that was lifted is gone for all of them at once. What comes later
// finds out by Present.
func (s *Server) Lift() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
	clear(s.conns)
}

// accepted remembers a connection for Lift.
func (s *Server) accepted(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = make(map[net.Conn]bool)
	}
	s.conns[c] = true
}

// ended forgets a connection.
func (s *Server) ended(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

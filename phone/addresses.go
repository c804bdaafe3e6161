package phone

import (
	"net"
	"os"
	"strings"
)

// addresses are where phones may find this computer, the most likely one first.
func (s *Server) addresses() []string {
	if s.announced != "" {
		if at, err := net.ResolveTCPAddr("tcp", s.announced); err == nil {
			if at.IP == nil {
				at.IP = net.IPv6unspecified
			}
			return Addresses(at)
		}
	}
	return Addresses(s.addr)
}

// Addresses are HOST:PORT under which other computers may reach a listener: its own
// address, or where it listens at all of them those of the interfaces that are up, and the
// name of this computer in the local network.
func Addresses(listener net.Addr) []string {
	at, ok := listener.(*net.TCPAddr)
	if !ok {
		return nil
	}
	_, port, _ := net.SplitHostPort(at.String())
	if !at.IP.IsUnspecified() {
		return cleanAddresses([]string{at.String()})
	}
	var four, six []string
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.IsLinkLocalUnicast() || n.IP.IsMulticast() {
			continue
		}
		if n.IP.To4() != nil {
			four = append(four, net.JoinHostPort(n.IP.String(), port))
		} else {
			six = append(six, net.JoinHostPort(n.IP.String(), port))
		}
	}
	out := append(four, six...)
	if len(out) > maxAddress-1 {
		out = out[:maxAddress-1]
	}
	if host, err := os.Hostname(); err == nil && host != "" && host != "localhost" {
		if !strings.Contains(host, ".") {
			host += ".local"
		}
		out = append(out, net.JoinHostPort(host, port))
	}
	return cleanAddresses(out)
}

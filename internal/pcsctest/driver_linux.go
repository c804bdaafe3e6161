package pcsctest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
)

const (
	readerConf = "/etc/reader.conf.d/vpcd"
	debianPort = 35963 // where Debian's configuration has slot 0

	// An own pcscd gets ports below those that Linux gives to outgoing
	// connections (32768 on): Debian's are among them, and one connection of
	// anybody that happens to be on them keeps the driver from listening.
	lowestPort  = 20000
	highestPort = 32000
)

var channel = regexp.MustCompile(`(?m)^(\s*CHANNELID\s+)(0x[0-9A-Fa-f]+|[0-9]+)`)

// slotPort reads the port of slot 0 from the driver's configuration.
func slotPort(conf []byte) int {
	if m := channel.FindSubmatch(conf); m != nil {
		if port, err := strconv.ParseUint(string(m[2]), 0, 16); err == nil {
			return int(port)
		}
	}
	return debianPort
}

var device = regexp.MustCompile(`(?m)^(\s*DEVICENAME\s+/dev/null:)(0x[0-9A-Fa-f]+|[0-9]+)`)

// withPort is the driver's configuration with another port.
func withPort(conf []byte, port int) []byte {
	to := []byte(fmt.Sprintf("${1}0x%X", port))
	return device.ReplaceAll(channel.ReplaceAll(conf, to), to)
}

// freePort finds a port for slot 0 with those of the other slots behind it.
func freePort() (int, error) {
	for port := lowestPort + os.Getpid()%(highestPort-lowestPort)/Slots*Slots; port < highestPort; port += Slots {
		free := true
		for _, slot := range slots(port) {
			l, err := net.Listen("tcp", slot)
			if err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return port, nil
		}
	}
	return 0, errors.New("no free ports for the virtual readers")
}

// listens reports whether a port is open, without a connection, which the
// driver would take for a card.
func listens(addr string) bool {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	open := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: [0-9A-F]+:%04X [0-9A-F:]+ 0A `, n))
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if b, err := os.ReadFile(table); err == nil && open.Match(b) {
			return true
		}
	}
	return false
}

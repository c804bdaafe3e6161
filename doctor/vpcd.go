package doctor

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

const vpcdDefault = "localhost:35963" // Debian's first slot

// vpcd looks at the virtual readers of pcscd, without a connection: the driver would
// take that for a card.
func (x *exam) vpcd(address string) {
	if address == "" {
		address = vpcdDefault
	}
	x.now("the virtual readers of pcscd")
	host, text, err := net.SplitHostPort(address)
	number, badPort := strconv.ParseUint(text, 10, 16)
	if err != nil || badPort != nil {
		x.find("place-fails", "vpcd:"+address, "want vpcd:HOST:PORT", "")
		return
	}
	if x.m.System() != "linux" || host != "localhost" && host != "127.0.0.1" && host != "::1" {
		x.find("unseen-vpcd", address, "", "")
		return
	}
	_, installed := x.readerConf("vpcd")
	if !installed {
		x.find("vpcd-driver", "/etc/reader.conf.d", "", "")
		return
	}
	end := fmt.Sprintf(":%04X", number)
	for _, table := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		for line := range strings.Lines(x.read(table)) {
			const listening = "0A"
			if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[1], end) && f[3] == listening {
				x.find("vpcd", address, "", "desfire sim serve --vpcd "+quotedWord(address))
				x.pcsc("")
				return
			}
		}
	}
	x.find("vpcd-silent", address, "", "")
	x.pcsc("")
}

// readerConf is the file that gives pcscd a driver of a name.
func (x *exam) readerConf(name string) (file string, ok bool) {
	file = x.first("etc/reader.conf.d/"+name, "etc/reader.conf.d/"+name+".conf")
	return file, file != ""
}

package operations

import (
	"fmt"
	"net"
	"strconv"
)

// CheckAddress is an error if a text is no address to listen at: HOST:PORT, or :PORT for all addresses of the
// machine. Port 0 is any. Whether the host is there is not asked.
func CheckAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 && port != "0" {
		return fmt.Errorf("%q: want HOST:PORT or :PORT, as 127.0.0.1:7343", text)
	}
	return nil
}

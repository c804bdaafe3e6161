package libnfc

import (
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// Here are two of the three places where libfreefare 0.4.0 does not understand
// the simulated card. The third is checksTooFar.

func enciphered(t *testing.T, g wire.Generation, create, authenticate, zero string, sizes ...int) *library {
	t.Helper()
	l := start(t, put(t, newCard(t, g)))
	l.ok("%s %06x 0x0f 1", create, app)
	l.ok("select_application %06x", app)
	for i, n := range sizes {
		l.ok("create_std_data_file %d 3 0x0000 %d", i, n)
	}
	l.ok("%s 0 %s", authenticate, zero)
	return l
}

// Padding of 80 and zeros begins with a whole block where content and CRC fill
// blocks, as everywhere this padding is used. libfreefare looks for the CRC in
// the last block only, with DES keys in EV1 sessions in the last two. With the length
// stated the padding is zeros, none here.
func TestReadToTheEndOfWholeBlocks(t *testing.T) {
	zero := "aes:00000000000000000000000000000000"
	l := enciphered(t, wire.EV1, "create_application_aes", "authenticate_aes", zero, 28, 27)
	l.ok("authenticate_aes 0 %s", zero)
	l.distrusted("read_data 0 0 0")
	l.ok("authenticate_aes 0 %s", zero)
	l.gives("00000000000000000000000000000000000000000000000000000000", "read_data 0 0 28")
	l.gives("000000000000000000000000000000000000000000000000000000", "read_data 1 0 0")

	l = enciphered(t, wire.D40, "create_application", "authenticate", defaultKey, 14, 13)
	l.distrusted("read_data 0 0 0")
	l.gives("0000000000000000000000000000", "read_data 0 0 14")
	l.gives("00000000000000000000000000", "read_data 1 0 0")
}

// libfreefare believes that FormatPICC ends a session. The card keeps it and
// sends the MAC that goes with it.
func TestSessionAfterFormat(t *testing.T) {
	l := enciphered(t, wire.EV1, "create_application_aes", "authenticate_aes", "aes:00000000000000000000000000000000")
	l.ok("select_application 000000")
	l.ok("authenticate_iso 0 %s", defaultKey)
	l.ok("format_picc")
	if got := l.call("get_application_ids"); len(got) != len("ok 123456 123456") {
		t.Errorf("%s, want the 8 bytes of a MAC taken for two applications", got)
	}
	l.ok("select_application 000000")
	l.gives("none", "get_application_ids")
}

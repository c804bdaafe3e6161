package chip

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

var testUID = []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}

func newReader(t testing.TB, g wire.Generation) *simreader.Reader {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: g, UID: testUID})
	if err != nil {
		t.Fatal(err)
	}
	return simreader.New("simulated", card)
}

// host is what talks to a chip on a serial line, inside synctest.
type host struct {
	t    testing.TB
	line net.Conn
	got  chan []byte
	name string // of what is tested
}

// serve puts a chip on a line until the test ends.
func serve(t testing.TB, c *Chip) *host { return serveBy(t, c, nil) }

func serveBy(t testing.TB, c *Chip, wire *WireConfig) *host {
	near, far := net.Pipe()
	h := &host{t: t, line: near, got: make(chan []byte, 100)}
	var line io.ReadWriter = far
	if wire != nil {
		line = NewWire(far, wire)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.ServeHSU(context.Background(), line) }()
	go func() {
		defer close(h.got)
		for {
			buf := make([]byte, 1000)
			n, err := near.Read(buf)
			if err != nil {
				return
			}
			h.got <- buf[:n]
		}
	}()
	t.Cleanup(func() {
		near.Close()
		if err := <-ended; err != nil {
			t.Errorf("the line ended with %v", err)
		}
	})
	return h
}

// says sends bytes and returns all that comes, when nothing moves any more.
func (h *host) says(text string) string {
	h.t.Helper()
	if _, err := h.line.Write(unhex(h.t, text)); err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
	var all []byte
	for {
		select {
		case b, ok := <-h.got:
			if !ok {
				h.t.Fatal("the line ended")
			}
			all = append(all, b...)
		default:
			return strings.ToUpper(hex.EncodeToString(all))
		}
	}
}

// gives compares what comes.
func (h *host) gives(say string, want ...string) {
	h.t.Helper()
	if got, want := h.says(say), strings.ReplaceAll(strings.Join(want, ""), " ", ""); got != want {
		h.t.Errorf("%s %s:\n got %s\nwant %s", h.name, say, got, want)
	}
}

// does sends a command, code first, and compares the answer, code first.
func (h *host) does(command, want string) {
	h.t.Helper()
	h.gives(frameOf(h.t, 0xD4, command), ack, frameOf(h.t, 0xD5, want))
}

// frameOf is the frame of a command or answer. The vectors of the manual have no use for it.
func frameOf(t testing.TB, tfi byte, content string) string {
	t.Helper()
	b := append([]byte{tfi}, unhex(t, content)...)
	f := []byte{0, 0, 0xFF}
	if n := len(b); n < 256 {
		f = append(f, byte(n), byte(256-n))
	} else {
		f = append(f, 0xFF, 0xFF, byte(n>>8), byte(n), byte(512-n>>8-n&0xFF))
	}
	sum := 0
	for _, x := range b {
		sum += int(x)
	}
	f = append(append(f, b...), byte(-sum), 0)
	return strings.ToUpper(hex.EncodeToString(f))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Frames as the manual has them.
const (
	ack         = "00 00 FF 00 FF 00"
	nack        = "00 00 FF FF 00 00"
	syntaxError = "00 00 FF 01 FF 7F 81 00"
	wakeUp      = "55 55 00 00 00 00 00 00 00 00 00 00 00 00 00 00"

	getFirmwareVersion = "00 00 FF 02 FE D4 02 2A 00"
	firmwareVersion    = "00 00 FF 06 FA D5 03 32 01 06 07 E8 00"
	samConfiguration   = "00 00 FF 03 FD D4 14 01 17 00"
	samConfigured      = "00 00 FF 02 FE D5 15 16 00"
	listTypeA          = "00 00 FF 04 FC D4 4A 01 00 E1 00"
	fewRetries         = "00 00 FF 06 FA D4 32 05 FF 01 02 F3 00"
	retriesSet         = "00 00 FF 02 FE D5 33 F8 00"
)

func in(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// TestVectors are exchanges as the manual and the vendor's application notes have them, byte by byte.
func TestVectors(t *testing.T) {
	in(t, func(t *testing.T) {
		h := serve(t, New(Simulated(newReader(t, wire.EV1), nil), nil))
		h.gives(getFirmwareVersion, "") // asleep
		h.gives(wakeUp, "")
		h.gives(getFirmwareVersion, ack, firmwareVersion)
		h.gives(samConfiguration, ack, samConfigured)
		h.gives(fewRetries, ack, retriesSet)
		h.gives(listTypeA, ack, "00 00 FF 15 EB D5 4B 01 01 03 44 20 07 04 11 22 33 44 55 66 06 75 77 81 02 80 12 00")
		h.gives("00 00 FF 01 FF D4 2C 00", ack, syntaxError)       // no command
		h.gives("00 00 FF 02 FE D4 99 93 00", ack, syntaxError)    // none that there is
		h.gives("00 00 FF 03 FD D4 02 00 2A 00", ack, syntaxError) // too long
		h.gives("00 FF 02 FE D4 02 2A", ack, firmwareVersion)      // preamble and postamble of no length
		h.gives("00 00 00 00 00 FF 02 FE D4 02 2A 00 00 00", ack, firmwareVersion)
		h.gives("00 00 FF FF FF 00 02 FE D4 02 2A 00", ack, firmwareVersion) // the host may use extended frames for little
	})
}

func TestFramesThatAreNone(t *testing.T) {
	in(t, func(t *testing.T) {
		h := serve(t, New(Simulated(newReader(t, wire.EV1), nil), &Config{Started: true}))
		for name, bytes := range map[string]string{
			"sum of the content":     "00 00 FF 02 FE D4 02 2B 00",
			"sum of the length":      "00 00 FF 02 FF D4 02 2A 00",
			"sum of the long length": "00 00 FF FF FF 00 02 FF D4 02 2A 00",
			"from a chip":            "00 00 FF 02 FE D5 02 29 00",
			"nothing in it":          "00 00 FF 00 00 00",
			"longer than the buffer": "00 00 FF FF FF 01 0A F5 D4",
			"noise":                  "00 55 FF 00 FF 00 11 22 00 00",
			"an acknowledge":         ack,
		} {
			h.name = name
			h.gives(bytes, "")
			h.gives(getFirmwareVersion, ack, firmwareVersion)
			h.gives(frameOf(t, 0xD4, "06"), ack, syntaxError) // so that the last answer is not that
			h.gives(nack, syntaxError)
			h.gives("00 00 FF FF FF 00 02 FE D4 06 26 00", ack, syntaxError)
		}
		h.name = ""
		h.gives(getFirmwareVersion, ack, firmwareVersion)
		h.gives("00 00 FF 05 FB D4 02 2A", "") // cut: takes what comes next for its end
		h.gives(getFirmwareVersion, "")
		h.gives(getFirmwareVersion, ack, firmwareVersion)
	})
}

// TestNACK: the last answer comes again, and nothing is executed.
func TestNACK(t *testing.T) {
	in(t, func(t *testing.T) {
		executed := 0
		h := serve(t, New(Simulated(newReader(t, wire.EV1), nil), &Config{Started: true, Observe: func(_, _ []byte) { executed++ }}))
		h.gives(nack, "")
		h.gives(getFirmwareVersion, ack, firmwareVersion)
		h.gives(nack, firmwareVersion)
		h.gives(nack, firmwareVersion)
		if executed != 1 {
			t.Errorf("executed %d times", executed)
		}
	})
}

// TestPatience: with retries without end, as after power-on, a chip answers when there is a card, or a command or an acknowledge ends it.
func TestPatience(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newReader(t, wire.EV2)
		r.Lift()
		h := serve(t, New(Simulated(r, nil), &Config{Started: true}))
		h.gives(listTypeA, ack)
		h.gives(ack, "")
		h.gives(nack, "")
		h.gives(listTypeA, ack)
		h.gives(getFirmwareVersion, ack, firmwareVersion)
		h.gives(listTypeA, ack)
		if err := r.Return(); err != nil {
			t.Fatal(err)
		}
		listed := frameOf(t, 0xD5, "4B 01 01 03 44 20 07 04 11 22 33 44 55 66 06 75 77 81 02 80")
		h.gives("", listed)
		h.gives(fewRetries, ack, retriesSet)
		r.Lift()
		h.does("4A 01 00", "4B 00")
		h.does("4A 01 02", "4B 00")
	})
}

func TestPower(t *testing.T) {
	in(t, func(t *testing.T) {
		c := New(Simulated(newReader(t, wire.EV1), nil), nil)
		h := serve(t, c)
		h.gives("55", "")
		h.gives(getFirmwareVersion, "") // lost while it woke up: the beginning of the frame
		h.gives(getFirmwareVersion, ack, firmwareVersion)
		h.gives(listTypeA, ack) // low battery: no answer
		h.gives(getFirmwareVersion, ack, firmwareVersion)
		h.gives(samConfiguration, ack, samConfigured)
		h.gives(fewRetries, ack, retriesSet)
		h.does("4A 01 00", "4B 01 01 03 44 20 07 04 11 22 33 44 55 66 06 75 77 81 02 80")
		h.does("16 10", "17 00")
		h.gives(getFirmwareVersion, "")
		h.gives(wakeUp+getFirmwareVersion, ack, firmwareVersion)
		h.does("00 06", "01 27") // the field was off
		h.does("16 20", "17 00") // wakes by SPI only
		h.gives(wakeUp+wakeUp+getFirmwareVersion, "")
		c.Reset()
		h.gives(wakeUp+getFirmwareVersion, ack, firmwareVersion)
		h.gives(listTypeA, ack)
	})
}

func TestCard(t *testing.T) {
	in(t, func(t *testing.T) {
		r := newReader(t, wire.EV1)
		h := serve(t, New(Simulated(r, nil), &Config{Started: true}))
		listed := "4B 01 01 03 44 20 07 04 11 22 33 44 55 66 06 75 77 81 02 80"
		h.gives(fewRetries, ack, retriesSet)
		h.does("40 01 60", "41 27")
		h.does("04", "05 27 00 00 80")
		h.does("4A 01 00 88 04 11 22 33 44 55 67", "4B 00")
		h.does("4A 01 00 88 04 11 22 33 44 55 66", listed)
		h.does("04", "05 00 00 01 01 00 00 00 80")
		h.does("4E 01 02 02", "4F 00")
		h.does("4E 01 02 02", "4F 26")
		h.does("04", "05 26 00 01 01 02 02 00 80")
		version := "41 00 AF 04 01 01 01 00 1A 05"
		h.does("40 01 60", version)
		h.does("00 06", "01 00")
		h.does("40 01 AF", "41 00 AF 04 01 01 01 04 1A 05") // the chain goes on: asking whether it is there changed nothing
		h.does("40 02 60", "41 27")
		h.says(frameOf(t, 0xD4, "40 01 AF")) // with a random batch number
		h.does("40 41 90 60", "41 00")       // in two pieces
		h.does("40 01 00 00 00", "41 00 04 01 01 01 00 1A 05 91 AF")
		h.does("44 01", "45 00")
		h.does("40 01 90 AF 00 00 00", "41 27")
		h.does("00 06", "01 27")
		h.does("54 01", "55 00")
		h.does("40 01 90 AF 00 00 00", "41 00 91 1C") // the chain is over
		r.Lift()
		h.does("00 06", "01 01")
		h.does("40 01 60", "41 01")
		if err := r.Return(); err != nil {
			t.Fatal(err)
		}
		h.does("00 06", "01 01") // back, and not activated
		h.does("40 01 60", "41 01")
		h.does("4A 01 00", listed)
		h.does("40 01 60", version)
		h.does("32 01 00", "33")
		h.does("40 01 60", "41 27")
		h.does("4A 01 00", listed)
		r.Card.TearAfter(1)
		h.does("40 01 60", "41 01")
		h.does("40 01 60", "41 01")
		h.does("52 00", "53 00")
		h.does("54 01", "55 27")
		h.does("12 04", "13") // no RATS
		h.does("4A 01 00", strings.TrimSuffix(listed, " 06 75 77 81 02 80"))
		h.does("40 01 60", "41 01")
		h.does("00 00 6C 69 62", "01 00 6C 69 62")
		h.does("08 63 02 80 63 05 07", "09")
		h.does("42", "43 01")
		h.does("06 63 02 63 05 63 06", "07 80 07 00")
		for _, wrong := range []string{"00", "00 06 00", "00 09", "06 63", "08 63 02", "14 00", "14", "16", "32", "32 05 00", "32 06", "40", "44", "4A 01", "4A 00 00",
			"4A 03 00", "4A 01 05", "4A 01 00 01", "4E 01 00", "4E 01 03 00", "52", "54", "12", "10 09"} {
			h.gives(frameOf(t, 0xD4, wrong), ack, syntaxError)
		}
	})
}

// TestLongAnswers: what is longer than a frame comes in pieces, both ways, and arrives as it was.
func TestLongAnswers(t *testing.T) {
	in(t, func(t *testing.T) {
		var got []byte
		answer := make([]byte, 600)
		for i := range answer {
			answer[i] = byte(i * 7)
		}
		f := &fixed{Target{UID: []byte{1, 2, 3, 4}, ATS: factoryATS, Transmit: func(_ context.Context, command []byte) ([]byte, error) {
			got = bytes.Clone(command)
			switch command[0] {
			case 1:
				return nil, ProtocolError
			case 2:
				return nil, io.ErrUnexpectedEOF
			}
			return answer, nil
		}}}
		h := serve(t, New(f, &Config{Started: true}))
		h.says(frameOf(t, 0xD4, "4A 01 00"))
		x := func(b []byte) string { return hex.EncodeToString(b) }
		command := make([]byte, 500)
		for i := range command {
			command[i] = byte(i*3 + 5)
		}
		h.does("40 41"+x(command[:262]), "41 00")
		h.does("40 41"+x(command[262:262]), "41 00")
		h.does("40 01"+x(command[262:]), "41 40"+x(answer[:262]))
		if !bytes.Equal(got, command) {
			t.Errorf("the card got %X", got)
		}
		h.gives(nack, frameOf(t, 0xD5, "41 40"+x(answer[:262])))
		h.does("40 01", "41 40"+x(answer[262:524]))
		h.does("40 01", "41 00"+x(answer[524:]))
		h.does("40 01 07", "41 40"+x(answer[:262]))
		h.does("40 01 08", "41 27") // there is more to take
		if !bytes.Equal(got, []byte{7}) {
			t.Errorf("the card got %X", got)
		}
		h.does("40 01 01", "41 0B")
		h.does("40 01 02", "41 01")
		h.does("00 06", "01 00")
		h.says(frameOf(t, 0xD4, "40 01"+strings.Repeat("00", 263))) // longer than a frame can be
		h.says(getFirmwareVersion)
		h.gives(getFirmwareVersion, ack, firmwareVersion)
	})
}

// fixed is a field with one target that is always there.
type fixed struct{ Target }

func (f *fixed) Activate(context.Context, []byte, bool) *Target { return &f.Target }
func (f *fixed) Off()                                           {}

func TestRandomUID(t *testing.T) {
	in(t, func(t *testing.T) {
		store := sim.Memory()
		if _, err := sim.New(&sim.Config{Generation: wire.EV2, UID: testUID, Store: store}); err != nil {
			t.Fatal(err)
		}
		stored, err := store.Load()
		if err != nil {
			t.Fatal(err)
		}
		stored = regexp.MustCompile(`"configuration": \{[^}]*\}`).ReplaceAll(stored, []byte(`"configuration": {"flags": "02", "ats": "0575778102", "atqa": "0044"}`))
		if err := store.Save(stored); err != nil {
			t.Fatal(err)
		}
		card, err := sim.New(&sim.Config{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		random := bytes.NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
		r := simreader.New("x", card)
		h := serve(t, New(Simulated(r, &SimulatedConfig{Rand: random}), &Config{Started: true}))
		h.does("4A 01 00", "4B 01 01 00 44 20 04 08 01 02 03 05 75 77 81 02")
		h.does("44 01", "45 00")
		h.does("4A 01 00 08 01 02 03", "4B 01 01 00 44 20 04 08 01 02 03 05 75 77 81 02") // as long as it has power
		h.does("32 01 00", "33")
		h.does("4A 01 00", "4B 01 01 00 44 20 04 08 04 05 06 05 75 77 81 02")
		r.Lift()
		if err := r.Return(); err != nil {
			t.Fatal(err)
		}
		h.does("4A 01 00", "4B 01 01 00 44 20 04 08 07 08 09 05 75 77 81 02")
	})
}

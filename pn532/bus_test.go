package pn532

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-desfire/desfire/place"
)

// wires is a chip at the far end of a bus, as the transfers show it.
type wires struct {
	answer  func(frame []byte) [][]byte    // frames that follow a frame of the host
	status  func(look int) (byte, error)   // instead of the chip's own, if not nil
	fail    func(n int, what string) error // before a transfer, the n-th of all
	looks   int
	log     []string // what was transferred
	queue   [][]byte
	last    []byte
	hang    chan struct{} // holds transfers until it is closed
	entered chan struct{}
	closed  chan struct{}
}

func (w *wires) begin(what string) error {
	if w.hang != nil {
		w.entered <- struct{}{}
		<-w.hang
	}
	w.log = append(w.log, what)
	if w.fail != nil {
		return w.fail(len(w.log), what)
	}
	return nil
}

func (w *wires) look() (byte, error) {
	w.looks++
	if w.status != nil {
		return w.status(w.looks)
	}
	if len(w.queue) > 0 {
		return 1, nil
	}
	return 0, nil
}

func (w *wires) sent(frame []byte) {
	switch {
	case bytes.Equal(frame, nackFrame):
		w.queue = append(w.queue, w.last)
	case w.answer != nil:
		w.queue = append(w.queue, w.answer(frame)...)
	}
}

func (w *wires) received(into []byte) {
	if len(w.queue) == 0 {
		return
	}
	w.last, w.queue = w.queue[0], w.queue[1:]
	for i := range into {
		into[i] = 0x55 // beyond the end
	}
	copy(into, w.last)
}

func (w *wires) Close() error {
	if w.closed != nil {
		close(w.closed)
	}
	return nil
}

// wiresI2C is an i2cDevice.
type wiresI2C struct{ *wires }

func (w wiresI2C) transfer(read bool, p []byte) error {
	if !read {
		if err := w.begin("W " + spaced(p)); err != nil {
			return err
		}
		w.sent(p)
		return nil
	}
	if err := w.begin(fmt.Sprintf("R %d", len(p))); err != nil {
		return err
	}
	s, err := w.look()
	if p[0] = s; err == nil && s == 1 && len(p) > 1 {
		w.received(p[1:])
	}
	return err
}

// wiresSPI is an spiDevice.
type wiresSPI struct{ *wires }

func (w wiresSPI) transfer(p []byte, hold time.Duration) error {
	what := spaced(p)
	if len(p) > 12 {
		what = fmt.Sprintf("%s and %d more", spaced(p[:1]), len(p)-1)
	}
	if hold > 0 {
		what += " held " + hold.String()
	}
	if err := w.begin(what); err != nil {
		return err
	}
	q := make([]byte, len(p))
	for i, b := range p {
		q[i] = bits.Reverse8(b)
	}
	var err error
	switch q[0] {
	case 1:
		w.sent(q[1:])
	case 2:
		q[1], err = w.look()
	case 3:
		w.received(q[1:])
	}
	q[0] = 0xAA
	for i, b := range q {
		p[i] = bits.Reverse8(b)
	}
	return err
}

// nak is what some drivers say of an address that nobody takes.
var nak = syscall.EIO

func spaced(b []byte) string { return fmt.Sprintf("% X", b) }

func unspaced(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// each runs a test over both buses. Time passes only as far as patience goes: that
// many pauses, and then the context of whoever waits has ended.
func each(t *testing.T, w func() *wires, test func(t *testing.T, l *busLine, w *wires, spi bool)) {
	at := address{text: "there"}
	t.Run("I2C", func(t *testing.T) {
		w := w()
		test(t, quick(newI2C(wiresI2C{w}, at), 1000), w, false)
	})
	t.Run("SPI", func(t *testing.T) {
		w := w()
		test(t, quick(newSPI(wiresSPI{w}, at), 1000), w, true)
	})
}

func quick(l *busLine, patience int) *busLine {
	l.pause = func(ctx context.Context, _ time.Duration) error {
		if patience--; patience < 0 {
			return context.DeadlineExceeded
		}
		return ctx.Err()
	}
	return l
}

// Bytes of the user manual: GetFirmwareVersion and its answer.
const (
	askVersion  = "00 00 FF 02 FE D4 02 2A 00"
	ackBytes    = "00 00 FF 00 FF 00"
	nackBytes   = "00 00 FF FF 00 00"
	tellVersion = "00 00 FF 06 FA D5 03 32 01 06 07 E8 00"
)

func version(t testing.TB) *wires {
	return &wires{answer: func(f []byte) [][]byte {
		if !bytes.Equal(f, unspaced(t, askVersion)) {
			return nil
		}
		return [][]byte{unspaced(t, ackBytes), unspaced(t, tellVersion)}
	}}
}

// ask sends a frame and reads so many.
func ask(t *testing.T, l *busLine, frame string, want ...string) {
	t.Helper()
	if err := l.write(t.Context(), unspaced(t, frame)); err != nil {
		t.Fatal(err)
	}
	for _, want := range want {
		got, err := l.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if spaced(got) != want {
			t.Fatalf("got  %s\nwant %s", spaced(got), want)
		}
	}
}

func TestBusBytes(t *testing.T) {
	each(t, func() *wires { return version(t) }, func(t *testing.T, l *busLine, w *wires, spi bool) {
		if err := l.wake(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, l, askVersion, ackBytes, tellVersion)
		want := []string{"R 1", "R 1", "W " + askVersion, "R 7", "R 81"}
		if spi {
			want = []string{"00 held 2ms", "40 00", "80 00 00 FF 40 7F 2B 40 54 00",
				"40 00", "C0 00 00 00 00 00 00", "40 00", "C0 and 275 more"}
		}
		if !slices.Equal(w.log, want) {
			t.Errorf("transfers\n%s\nwant\n%s", strings.Join(w.log, "\n"), strings.Join(want, "\n"))
		}
	})
}

// answerFrame is a frame of the chip, written down from the manual.
func answerFrame(code byte, data []byte) []byte {
	n := len(data) + 2
	f := []byte{0x00, 0x00, 0xFF, byte(n), byte(-n)}
	if n > 0xFF {
		f = append(f[:3], 0xFF, 0xFF, byte(n>>8), byte(n), -byte(n>>8)-byte(n))
	}
	f = append(append(f, 0xD5, code), data...)
	sum := byte(0xD5) + code
	for _, b := range data {
		sum += b
	}
	return append(f, -sum, 0x00)
}

// TestBusLong: a frame that is longer than what is read at once comes again, and
// the command is not sent a second time.
func TestBusLong(t *testing.T) {
	for _, n := range []int{0, 1, 68, 69, 70, 71, 72, 200, 252, 253, 254, 262} {
		data := make([]byte, n+1)
		for i := range data {
			data[i] = byte(7 * i)
		}
		answer := answerFrame(0x41, data)
		chip := func() *wires {
			return &wires{answer: func(f []byte) [][]byte { return [][]byte{unspaced(t, ackBytes), answer} }}
		}
		each(t, chip, func(t *testing.T, l *busLine, w *wires, spi bool) {
			ask(t, l, askVersion, ackBytes, spaced(answer))
			commands, again := 0, 0
			for _, x := range w.log {
				if x == "W "+askVersion || strings.HasPrefix(x, "80 00 00 FF 40") {
					commands++
				}
				if x == "W "+nackBytes || x == "80 00 00 FF FF 00 00" {
					again++
				}
			}
			wantAgain := 0
			if len(answer) > i2cFirst && !spi {
				wantAgain = 1
			}
			if commands != 1 || again != wantAgain {
				t.Errorf("%d data bytes: the command was sent %d times, asked for again %d times (want %d)", n, commands, again, wantAgain)
			}
		})
	}
}

// TestBusNotAnAcknowledge: another frame where the acknowledgement should be comes whole.
func TestBusNotAnAcknowledge(t *testing.T) {
	syntax := "00 00 FF 01 FF 7F 81 00"
	each(t, func() *wires {
		return &wires{answer: func([]byte) [][]byte { return [][]byte{unspaced(t, syntax)} }}
	}, func(t *testing.T, l *busLine, w *wires, spi bool) { ask(t, l, askVersion, syntax) })
}

// TestBusHostFrames: no acknowledgement follows ACK and NACK of the host.
func TestBusHostFrames(t *testing.T) {
	each(t, func() *wires { return version(t) }, func(t *testing.T, l *busLine, w *wires, spi bool) {
		ask(t, l, askVersion, ackBytes, tellVersion)
		ask(t, l, nackBytes, tellVersion)
		ask(t, l, ackBytes)
		w.queue = append(w.queue, unspaced(t, tellVersion))
		if got, err := l.read(t.Context()); err != nil || spaced(got) != tellVersion {
			t.Errorf("after ACK: % X, %v", got, err)
		}
	})
}

// TestBusStatus: only 01 is ready, and what the wire showed is told.
func TestBusStatus(t *testing.T) {
	for status, want := range map[byte]string{
		0x00: "", 0xFF: "always high", 0x80: "status was 80", 0x03: "status was 03",
	} {
		each(t, func() *wires { return version(t) }, func(t *testing.T, l *busLine, w *wires, spi bool) {
			quick(l, 20)
			w.status = func(int) (byte, error) { return status, nil }
			ask(t, l, askVersion)
			_, err := l.read(t.Context())
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
				t.Errorf("status %02X: %v", status, err)
			}
			if w.looks < 9 {
				t.Errorf("looked %d times", w.looks)
			}
		})
	}
}

// TestBusBusy: a chip that takes no address while it is busy is waited for.
func TestBusBusy(t *testing.T) {
	each(t, func() *wires { return version(t) }, func(t *testing.T, l *busLine, w *wires, spi bool) {
		busy := 0
		w.fail = func(_ int, what string) error {
			if (what == "R 1" || what == "40 00" || what == "R 7" && busy == 0) && w.looks > 0 && busy < 30 {
				busy++
				return []error{nak, syscall.ENXIO, syscall.ETIMEDOUT, syscall.EAGAIN}[busy%4]
			}
			return nil
		}
		ask(t, l, askVersion, ackBytes, tellVersion)
		if busy != 30 {
			t.Errorf("busy %d times", busy)
		}
	})
}

// TestBusNobody: an address that nobody takes.
func TestBusNobody(t *testing.T) {
	each(t, func() *wires { return version(t) }, func(t *testing.T, l *busLine, w *wires, spi bool) {
		w.fail = func(int, string) error { return nak }
		for what, err := range map[string]error{
			"wake": l.wake(t.Context()), "write": l.write(t.Context(), unspaced(t, askVersion)),
		} {
			var e *LineError
			if !errors.As(err, &e) || e.Problem != Silent || !errors.Is(err, nak) {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, x := range w.log {
			if strings.HasPrefix(x, "W") || strings.HasPrefix(x, "80") {
				t.Errorf("sent %q to nobody", x)
			}
		}
		quick(l, 10)
		if _, err := l.read(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, nak) {
			t.Errorf("read: %v", err)
		}
	})
}

// TestBusFails: a frame that a failing bus may have carried is not sent again.
func TestBusFails(t *testing.T) {
	for _, test := range []struct {
		what string
		err  error
		want Problem
	}{
		{"frame", nak, Failed}, {"frame", syscall.ENODEV, Gone},
		{"answer", nak, Failed}, {"answer", syscall.ENODEV, Gone},
		{"status", syscall.ENODEV, Gone},
	} {
		each(t, func() *wires { return version(t) }, func(t *testing.T, l *busLine, w *wires, spi bool) {
			frames := 0
			w.fail = func(_ int, what string) error {
				kind := "answer"
				switch {
				case what == "R 1" || what == "40 00" || what == "R 7" && test.what == "status":
					kind = "status"
				case what[0] == 'W' || strings.HasPrefix(what, "80"):
					kind = "frame"
					frames++
				}
				if kind == test.what && (frames > 0 || kind != "status") {
					return test.err
				}
				return nil
			}
			err := l.write(t.Context(), unspaced(t, askVersion))
			if test.what != "frame" {
				if err != nil {
					t.Fatal(err)
				}
				_, err = l.read(t.Context())
			}
			var e *LineError
			if !errors.As(err, &e) || e.Problem != test.want || !errors.Is(err, test.err) {
				t.Errorf("%s fails with %v: %v", test.what, test.err, err)
			}
			if frames != 1 {
				t.Errorf("sent %d times", frames)
			}
		})
	}
}

// TestBusDiscard: an answer that nobody waits for does not become that of another command.
func TestBusDiscard(t *testing.T) {
	each(t, func() *wires { return version(t) }, func(t *testing.T, l *busLine, w *wires, spi bool) {
		w.queue = [][]byte{unspaced(t, ackBytes), unspaced(t, "00 00 FF 03 FD D5 41 00 EA 00")}
		l.discard()
		ask(t, l, askVersion, ackBytes, tellVersion)
	})
}

// TestBusGarbage: what a chip gives is passed on, and is no more than was read.
func TestBusGarbage(t *testing.T) {
	for _, garbage := range []string{
		strings.Repeat("00 ", 276), strings.Repeat("FF ", 276), strings.Repeat("00 00 FF FF FF ", 55),
		"00 00 FF FF FF FF FF 02 D5", "00 00 FF F0 10 D5 41", "FF 00 00 FF 06 FA", "01",
	} {
		each(t, func() *wires {
			return &wires{answer: func([]byte) [][]byte { return [][]byte{unspaced(t, ackBytes), unspaced(t, garbage)} }}
		}, func(t *testing.T, l *busLine, w *wires, spi bool) {
			ask(t, l, askVersion, ackBytes)
			got, err := l.read(t.Context())
			if err != nil || len(got) == 0 || len(got) > longestFrame {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// TestBusHangs: neither a context nor Close waits for a bus that hangs, and the
// device is closed when it does no more.
func TestBusHangs(t *testing.T) {
	hanging := func() *wires {
		w := version(t)
		w.hang, w.entered, w.closed = make(chan struct{}), make(chan struct{}, 8), make(chan struct{})
		return w
	}
	each(t, hanging, func(t *testing.T, l *busLine, w *wires, spi bool) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.write(ctx, unspaced(t, askVersion)) }()
		<-w.entered
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go func() {
			_, err := l.read(t.Context())
			ended <- err
		}()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		var e *LineError
		if err := <-ended; !errors.As(err, &e) || e.Problem != Gone {
			t.Errorf("closed: %v", err)
		}
		if err := l.write(t.Context(), unspaced(t, askVersion)); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		select {
		case <-w.closed:
			t.Error("the device was closed under a transfer")
		default:
		}
		close(w.hang)
		<-w.closed
		if len(w.log) != 1 {
			t.Errorf("transfers %q", w.log)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzFrameLength(f *testing.F) {
	for _, s := range []string{askVersion, ackBytes, nackBytes, tellVersion, "00 00 FF FF FF 01 02 FD", ""} {
		f.Add(unspaced(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := frameLength(b)
		if n < 0 || n > 0 && n < shortFrame {
			t.Fatalf("% X: %d", b, n)
		}
	})
}

func TestBusAddress(t *testing.T) {
	for text, want := range map[string]string{
		"i2c1": "I2C /dev/i2c-1", "i2c-20": "I2C /dev/i2c-20", "/dev/i2c-0": "I2C /dev/i2c-0",
		"spi0.0": "SPI /dev/spidev0.0", "spidev1.2": "SPI /dev/spidev1.2", "/dev/spidev0.1": "SPI /dev/spidev0.1",
		"/dev/ttyUSB0": "HSU /dev/ttyUSB0", "COM3": "HSU COM3", "i2c": "HSU i2c", "spi0": "HSU spi0", "i2c1/../mem": "HSU i2c1/../mem",
	} {
		at, err := parseAddress(text)
		if got := at.line + " " + at.device; err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", text, got, err, want)
		}
		if at.line == "SPI" && at.speed != 1_000_000 {
			t.Errorf("%s at %d Hz", text, at.speed)
		}
		if at.text != text {
			t.Errorf("%s is written as %s", text, at.text)
		}
	}
}

func TestSPISpeed(t *testing.T) {
	for text, want := range map[string]int{"spi0.0:100000": 100_000, "/dev/spidev1.1:5000000": 5_000_000, "spi0.0:10000": 10_000} {
		if at, err := parseAddress(text); err != nil || at.speed != want || at.text != text {
			t.Errorf("%s: %d Hz, %v", text, at.speed, err)
		}
	}
	for _, text := range []string{"spi0.0:0", "spi0.0:9999", "spi0.0:5000001"} {
		if at, err := parseAddress(text); !errors.Is(err, place.ErrAddress) {
			t.Errorf("%s: %+v, %v", text, at, err)
		}
	}
}

// TestI2CRest: the bus is left alone after each transfer.
func TestI2CRest(t *testing.T) {
	l := newI2C(wiresI2C{version(t)}, address{text: "i2c1"})
	var rests int
	l.pause = func(_ context.Context, d time.Duration) error {
		if d > i2cRest/2 && d <= i2cRest && d != lastLook {
			rests++
		}
		return nil
	}
	ask(t, l, askVersion, ackBytes, tellVersion)
	if w := l.bus.(*i2c).i2cDevice.(wiresI2C).wires; rests != len(w.log)-1 {
		t.Errorf("%d rests between %d transfers", rests, len(w.log))
	}
}

// TestBusAdvice: what is wrong with a device, and what to do.
func TestBusAdvice(t *testing.T) {
	for _, test := range []struct {
		err     error
		problem Problem
		say     string
	}{
		{fs.ErrNotExist, NotThere, "dtparam=i2c_arm=on"},
		{syscall.EACCES, NoRight, "usermod -aG i2c $USER"},
		{syscall.EWOULDBLOCK, InUse, "another program"},
		{syscall.EBUSY, InUse, "another program"},
		{errors.ErrUnsupported, Unsupported, "no such line"},
		{syscall.ENOTTY, Failed, "cannot be used"},
	} {
		err := i2cAdvice.problem(address{text: "i2c1"}, &fs.PathError{Op: "open", Path: "/dev/i2c-1", Err: test.err})
		var e *LineError
		if !errors.As(err, &e) || e.Problem != test.problem || !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.say) || !strings.HasPrefix(err.Error(), "pn532:i2c1: ") {
			t.Errorf("%v: %v", test.err, err)
		}
	}
	if err := spiAdvice.problem(address{text: "spi0.0"}, fs.ErrNotExist); !strings.Contains(err.Error(), "dtparam=spi=on") {
		t.Error(err)
	}
}

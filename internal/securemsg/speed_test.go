package securemsg

import (
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// loop exchanges a command with 64 bytes and its answer over and over, with
// buffers that are reused.
type loop struct {
	reader, card Channel
	mode         wire.CommMode
	data         []byte
	sealed, open []byte
}

func newLoop(t testing.TB, name string, mode wire.CommMode) *loop {
	r, c := pair(t, sessions(t)[name])
	return &loop{reader: r, card: c, mode: mode, data: make([]byte, 64), sealed: make([]byte, 0, 256), open: make([]byte, 0, 256)}
}

var writeHead = []byte{1, 0, 0, 0, 64, 0, 0}

func (l *loop) once(t testing.TB) {
	scheme := l.reader.Info().Scheme
	var err error
	if l.sealed, err = l.reader.Seal(l.sealed[:0], Message{Code: 0x3D, Head: writeHead, Data: l.data, Mode: l.mode}); err != nil {
		t.Fatal(err)
	}
	if l.open, err = l.card.Open(l.open[:0], Message{Code: 0x3D, Head: writeHead, Data: l.sealed[7:], Mode: l.mode, Len: 64}); err != nil {
		t.Fatal(err)
	}
	rest := wire.RuleWrite.Protection(scheme, true, l.mode)
	if l.sealed, err = l.card.Seal(l.sealed[:0], Message{Mode: rest}); err != nil {
		t.Fatal(err)
	}
	if l.open, err = l.reader.Open(l.open[:0], Message{Mode: rest, Data: l.sealed}); err != nil {
		t.Fatal(err)
	}
	if l.reader.Info().Counter == 0xFFFF {
		l.reader.(*ev2).info.Counter, l.card.(*ev2).info.Counter = 0, 0
	}
}

var hotPaths = []struct {
	name string
	mode wire.CommMode
}{
	{"D40 DES", wire.CommMAC}, {"D40 DES", wire.CommFull}, {"EV1 2K3DES", wire.CommMAC}, {"EV1 2K3DES", wire.CommFull},
	{"EV1 AES", wire.CommPlain}, {"EV1 AES", wire.CommMAC}, {"EV1 AES", wire.CommFull},
	{"EV2", wire.CommPlain}, {"EV2", wire.CommMAC}, {"EV2", wire.CommFull},
	{"LRP", wire.CommMAC}, {"LRP", wire.CommFull},
}

func TestNoAllocation(t *testing.T) {
	for _, h := range hotPaths {
		l := newLoop(t, h.name, h.mode)
		l.once(t)
		if n := testing.AllocsPerRun(100, func() { l.once(t) }); n != 0 {
			t.Errorf("%s %v: %v allocations an exchange", h.name, h.mode, n)
		}
	}
}

// One exchange here is the work of both sides: half of it is the reader's.
func BenchmarkExchange64(b *testing.B) {
	for _, h := range hotPaths {
		b.Run(h.name+" "+h.mode.String(), func(b *testing.B) {
			l := newLoop(b, h.name, h.mode)
			b.ReportAllocs()
			for b.Loop() {
				l.once(b)
			}
		})
	}
}

// The reader's part alone, sealing 64 bytes.
func BenchmarkSeal64(b *testing.B) {
	for _, h := range hotPaths {
		b.Run(h.name+" "+h.mode.String(), func(b *testing.B) {
			l := newLoop(b, h.name, h.mode)
			b.ReportAllocs()
			for b.Loop() {
				l.sealed, _ = l.reader.Seal(l.sealed[:0], Message{Code: 0x3D, Head: writeHead, Data: l.data, Mode: l.mode})
				if e, ok := l.reader.(*ev2); ok {
					e.info.Counter = 0
				}
			}
		})
	}
}

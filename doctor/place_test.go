package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/tcp"
)

// nowhere is a scheme whose places fail with an error.
func nowhere(name string, err error) place.Schemes {
	return place.Schemes{{Name: name, Forms: []string{name + ":"}, Open: func(string) (*place.Place, error) {
		return &place.Place{Name: name, Ready: func(context.Context) error { return err }}, nil
	}}}
}

func placeCases() []sample {
	away := func(err error) *Config { return &Config{Place: "moon:", Schemes: nowhere("moon", err)} }
	real := place.Schemes{tcp.Scheme(nil)}
	simulated := place.Schemes{simreader.Scheme(func(string) (*sim.Card, error) { return sim.New(nil) })}
	return []sample{
		{id: "place-fails", machine: debian(), config: &Config{Place: "moon:", Schemes: nowhere("moon", errBroken)}, what: "broken", where: "moon:"},
		{id: "place-fails", name: "no such scheme", machine: debian(), config: &Config{Place: "mars:"}, what: "mars"},
		{id: "host-unknown", machine: debian(), config: away(&net.DNSError{Err: "no such host", Name: "moon"}), what: "no such host"},
		{id: "host-refused", machine: debian(), config: &Config{Place: "tcp:" + unused(), Schemes: real}},
		{id: "host-unreachable", name: "no way", machine: debian(), config: away(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)})},
		{id: "host-unreachable", name: "too late", machine: debian(), config: away(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded})},
		{id: "place-held", machine: debian(), config: away(&pcsc.OpError{Op: "connect", Err: pcsc.ErrReaderBusy})},
		{id: "place-fails", name: "vpcd", machine: debian(), config: &Config{Place: "vpcd:moon"}, what: "want vpcd:HOST:PORT"},
		{id: "vpcd", machine: debian(file("etc/reader.conf.d/vpcd", "FRIENDLYNAME"), listens, has(pcsc.ReaderInfo{Name: "Virtual PCD 00 00", State: pcsc.StateEmpty})), config: &Config{Place: "vpcd:"}, next: "desfire sim serve --vpcd localhost:35963"},
		{id: "vpcd-silent", machine: debian(file("etc/reader.conf.d/vpcd", "FRIENDLYNAME"), listens), config: &Config{Place: "vpcd:localhost:4711"}, where: "localhost:4711", also: []string{"reader-none"}},
		{id: "vpcd-driver", machine: debian(listens), config: &Config{Place: "vpcd"}, next: "vsmartcard-vpcd"},
		{id: "unseen-vpcd", machine: debian(), config: &Config{Place: "vpcd:moon:35963"}, where: "moon"},
		{id: "card-none", name: "tcp", machine: debian(), config: &Config{Place: "empty:", Schemes: empty()}, next: "desfire info --reader empty:"},
		{id: "card", name: "simulated", machine: debian(), config: &Config{Place: "sim:", Schemes: simulated}, next: "desfire info --reader sim:"},
	}
}

// empty is a place that works, and where no card is.
func empty() place.Schemes {
	return place.Schemes{{Name: "empty", Forms: []string{"empty:"}, Open: func(string) (*place.Place, error) {
		card, err := sim.New(nil)
		if err != nil {
			return nil, err
		}
		r := simreader.New("empty", card)
		card.Lift()
		return &place.Place{Name: "empty", Source: r}, nil
	}}}
}

// listens is what Linux says of a socket that listens at Debian's port of vpcd.
func listens(m *machine) {
	m.files["proc/net/tcp"] = text("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 00000000:8C7B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1\n   1: 00000000:1267 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 22 1\n")
}

// unused is an address at which nobody listens.
func unused() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// What a program knows of its own schemes goes before what the doctor knows.
func TestExplain(t *testing.T) {
	own := Finding{ID: "moon-away", Severity: Bad, What: "the moon is away", Next: "wait"}
	found := examine(t, debian(), &Config{Place: "moon:", Schemes: nowhere("moon", errBroken), Explain: func(err error) *Finding {
		if errors.Is(err, errBroken) {
			return &own
		}
		return nil
	}})
	if len(found) != 1 || found[own.ID] != own {
		t.Errorf("%+v", found)
	}
}

// An examination that is called off ends at once, with what it found until then.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	m := debian()
	m.hangs = make(chan struct{})
	defer close(m.hangs)
	found := Examine(ctx, m, nil)
	if len(found) != 1 || found[0].ID != "unseen-slow" {
		t.Errorf("%+v", found)
	}
}

// testSchemes are those that tests of this machine need.
func testSchemes() place.Schemes { return nil }

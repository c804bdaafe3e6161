package doctor

import (
	"context"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/sim"
)

var desfireATR = []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}

// lying puts a card on a reader.
func lying(state pcsc.State, card func() (desfire.Transport, error)) change {
	return func(m *machine) {
		m.pcsc = &pcscStack{list: []pcsc.ReaderInfo{{Name: "ACS ACR122U 00 00", State: pcsc.StatePresent | state, ATR: desfireATR}}, card: card}
	}
}

func simulated(config *sim.Config) func() (desfire.Transport, error) {
	return func() (desfire.Transport, error) {
		c, err := sim.New(config)
		if err != nil {
			return nil, err
		}
		return c.Present(), nil
	}
}

func fails(err error) func() (desfire.Transport, error) {
	return func() (desfire.Transport, error) { return nil, err }
}

func untouched() (desfire.Transport, error) { panic("a card that a program uses was connected to") }

// refusing is a card that knows no command.
type refusing struct{}

func (refusing) Transmit(context.Context, []byte) ([]byte, error) { return []byte{0x6D, 0x00}, nil }

func cardCases() []sample {
	const sharing pcsc.Error = 0x8010000B
	const taken pcsc.Error = 0x80100069
	client := []change{program(900, "scdaemon"), file("proc/900/maps", "7f00 r-xp /usr/lib/x86_64-linux-gnu/libpcsclite.so.1.0.0\n"), file("proc/700/maps", "7f00 r-xp /usr/lib/libpcsclite.so.1\n")}
	return []sample{
		{id: "reader", machine: debian(has(pcsc.ReaderInfo{Name: "ACS ACR122U 00 00", State: pcsc.StateEmpty})), where: "ACS ACR122U 00 00"},
		{id: "card-none", machine: debian(has(pcsc.ReaderInfo{Name: "ACS ACR122U 00 00", State: pcsc.StateEmpty})), next: "desfire info"},
		{id: "card", machine: debian(lying(0, simulated(nil))), what: "MIFARE DESFire EV3", where: "ACS ACR122U 00 00", next: "desfire info"},
		{id: "card-shared", machine: debian(append(client, lying(pcsc.StateInUse, untouched))...), what: "scdaemon (process 900)"},
		{id: "card-held", name: "seen", machine: debian(append(client, lying(pcsc.StateExclusive, untouched))...), what: "use PC/SC: scdaemon (process 900)", next: "gpgconf --kill scdaemon"},
		{id: "card-held", name: "met", machine: debian(lying(0, fails(&pcsc.OpError{Op: "connect", Err: sharing}))), next: "close that program"},
		{id: "card-mute", machine: debian(lying(pcsc.StateMute, untouched))},
		{id: "card-contact", machine: debian(has(pcsc.ReaderInfo{Name: "Gemalto PC Twin 00 00", State: pcsc.StatePresent, ATR: []byte{0x3B, 0x9F}, Ignored: "a contact card, by its ATR"})), what: "by its ATR"},
		{id: "card-foreign", machine: debian(lying(0, func() (desfire.Transport, error) { return refusing{}, nil }))},
		{id: "card-left", machine: debian(lying(0, fails(&pcsc.OpError{Op: "connect", Err: taken})))},
		{id: "card-fails", machine: debian(lying(0, fails(errBroken))), what: "broken"},
	}
}

// Whatever hangs, an examination ends in time, and says what it did not see.
func TestHangs(t *testing.T) {
	for name, m := range map[string]*machine{"pcsc": debian(), "silent socket": debian(pcscFails(noService)), "windows": windows(pcscFails(noService))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m.hangs = make(chan struct{})
				begin := time.Now()
				found := Examine(t.Context(), m, nil)
				if took := time.Since(begin); took > Limit {
					t.Errorf("took %v", took)
				}
				if !Sick(found) {
					t.Errorf("nothing is bad: %v", found)
				}
				close(m.hangs)
			})
		})
	}
}

// A machine that is slow at every question is left before the end.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := slow{debian()}
		begin := time.Now()
		found := Examine(t.Context(), m, nil)
		if took := time.Since(begin); took > Limit {
			t.Errorf("took %v", took)
		}
		if last := found[len(found)-1]; last.ID != "unseen-slow" || last.Where == "" {
			t.Errorf("%+v", last)
		}
		time.Sleep(time.Hour) // what is left of it ends
	})
}

// slow is a machine whose every file takes a while.
type slow struct{ *machine }

func (s slow) Files() fs.FS { return slowFiles{s.files} }

type slowFiles struct{ fs.FS }

func (f slowFiles) Open(name string) (fs.File, error) {
	time.Sleep(4 * time.Second)
	return f.FS.Open(name)
}

// A card is asked, and not changed.
func TestCardIsOnlyRead(t *testing.T) {
	card, err := sim.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	before := card.Writes()
	examine(t, debian(lying(0, func() (desfire.Transport, error) { return card.Present(), nil })), nil)
	if after := card.Writes(); card.Exchanges() == 0 || after != before {
		t.Errorf("an examination of %d exchanges wrote %d times", card.Exchanges(), after-before)
	}
}

package pn532

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/transporttest"
)

// TestSetup is what the chip is told, byte by byte (user manual, chapter 7).
func TestSetup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := &counter{}
		f := counting(card)
		r := f.reader(nil)
		defer r.Close()
		c := openCard(t, r)
		if _, err := c.Transmit(t.Context(), []byte{0x60}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		var got []string
		f.do(func() {
			for _, command := range f.log {
				if command[0] == 0x00 && len(command) > 2 {
					command = command[:2] // with a number of its own each time
				}
				got = append(got, spaced(command))
			}
		})
		want := []string{
			"14 01 14 01",                      // SAMConfiguration: normal mode
			"00 00",                            // Diagnose: where answers to earlier commands end
			"02",                               // GetFirmwareVersion
			"14 01 14 01",                      // again, after a reset by the first
			"12 14",                            // SetParameters: RATS by itself
			"32 02 00 0B 0A",                   // RFConfiguration: timings
			"32 04 00",                         // no repetition by the chip's own will
			"32 05 FF 01 02",                   // passive activation three times
			"32 01 00",                         // field off
			"32 01 00", "32 01 01", "4A 01 00", // field off, on, one card of type A
			"40 01 60", // InDataExchange
			"32 01 00",
		}
		if !slices.Equal(got[:min(len(got), len(want))], want) {
			t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// The answers to InListPassiveTarget: of the user manual, of a DESFire EV1 as
// libnfc's users have sent it, and what cannot be.
func TestTargets(t *testing.T) {
	for _, test := range []struct {
		answer, uid, ats, atr, ignored string
	}{
		{"01 01 03 44 20 07 04 1E 20 61 80 1D 80 06 75 77 81 02 80", "04 1E 20 61 80 1D 80", "75 77 81 02 80", "3B 81 80 01 80 80", ""},
		{
			"01 01 00 48 20 07 04 13 14 21 8B 20 80 0D 78 77 B1 02 4A 43 4F 50 76 32 34 31", "04 13 14 21 8B 20 80",
			"78 77 B1 02 4A 43 4F 50 76 32 34 31", "3B 88 80 01 4A 43 4F 50 76 32 34 31 5E", "",
		},
		{"01 01 03 44 20 04 08 11 22 33 06 75 77 81 02 80", "08 11 22 33", "75 77 81 02 80", "3B 81 80 01 80 80", ""},
		{"01 01 00 04 08 04 12 34 56 78", "12 34 56 78", "", "3B 80 80 01 01", "SAK 08"},
		{"01 01 03 44 20 04 12 34 56 78 01", "12 34 56 78", "", "3B 80 80 01 01", ""},
	} {
		target, err := parseTargets(unhex(t, test.answer))
		if err != nil {
			t.Errorf("%s: %v", test.answer, err)
			continue
		}
		if spaced(target.uid) != test.uid || spaced(target.ats) != test.ats || spaced(target.atr()) != test.atr {
			t.Errorf("%s: UID % X, ATS % X, ATR % X", test.answer, target.uid, target.ats, target.atr())
		}
		if got := target.ignored(); (got == "") != (test.ignored == "") || !strings.Contains(got, test.ignored) {
			t.Errorf("%s: ignored %q", test.answer, got)
		}
	}
	for _, answer := range []string{
		"", "01", "03 01 00 04 08 04 12 34 56 78", "01 02 00 04 08 04 12 34 56 78", "01 01 00 04 08 05 12 34 56 78", "01 01 00 04 08 00",
		"01 01 03 44 20 04 12 34 56 78 00", "01 01 03 44 20 04 12 34 56 78 07 75",
	} {
		if target, err := parseTargets(unhex(t, answer)); err == nil {
			t.Errorf("%s: %+v", answer, target)
		}
	}
	if target, err := parseTargets([]byte{0}); target != nil || err != nil {
		t.Errorf("no card: %v, %v", target, err)
	}
}

// FuzzTargets: whatever the chip says of a card, nothing breaks.
func FuzzTargets(f *testing.F) {
	f.Add(unhex(f, "01 01 03 44 20 07 04 1E 20 61 80 1D 80 06 75 77 81 02 80"))
	f.Add(unhex(f, "01 01 03 44 20 04 08 11 22 33 02 70"))
	f.Fuzz(func(t *testing.T, b []byte) {
		target, err := parseTargets(b)
		if err != nil || target == nil {
			return
		}
		atr := target.atr()
		check := byte(0)
		for _, b := range atr[1:] {
			check ^= b
		}
		if check != 0 || len(atr) > 20 || int(atr[1]&15) != len(atr)-5 {
			t.Errorf("ATR % X of % X", atr, b)
		}
		_, _ = target.ignored(), target.fastest(Speed424)
	})
}

// The speed is raised where it was asked for, and chip and card can.
func TestSpeed(t *testing.T) {
	for _, test := range []struct {
		speed Speed
		ats   string
		want  string // InPSL, empty for none
	}{
		{0, "75 77 81 02 80", ""},
		{Speed106, "75 77 81 02 80", ""},
		{Speed212, "75 77 81 02 80", "4E 01 01 01"},
		{Speed424, "75 77 81 02 80", "4E 01 02 02"},
		{Speed424, "75 11 81 02 80", "4E 01 01 01"},
		{Speed424, "75 10 81 02 80", ""}, // one direction alone
		{Speed424, "65 81 02 80", ""},    // no TA(1)
	} {
		synctest.Test(t, func(t *testing.T) {
			f := counting(&counter{})
			f.ats = unhex(t, test.ats)
			r := f.reader(&Config{Speed: test.speed})
			defer r.Close()
			c := openCard(t, r)
			defer c.Close()
			got := ""
			f.do(func() {
				for _, command := range f.log {
					if command[0] == cmdInPSL {
						got = spaced(command)
					}
				}
			})
			if got != test.want {
				t.Errorf("up to %d with ATS %s: %q, want %q", test.speed, test.ats, got, test.want)
			}
			if _, err := c.Transmit(t.Context(), getVersion); err != nil {
				t.Error(err)
			}
		})
	}
}

// What answers may be no PN532.
func TestNotPN532(t *testing.T) {
	for name, firmware := range map[string][]byte{"PN533": {0x33, 2, 7, 7}, "PN531": {4, 2}, "nothing": nil} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(nil)
			f.firmware = firmware
			r := f.reader(nil)
			defer r.Close()
			if _, err := r.await(t.Context()); problemOf(err) != NotPN532 {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// A chip that acknowledges and answers nothing is not there.
func TestAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := counting(&counter{})
		f.toHost = only(frameIsInfo, nothing)
		r := f.reader(nil)
		defer r.Close()
		begin := time.Now()
		if _, err := r.await(t.Context()); problemOf(err) != Silent {
			t.Errorf("await: %v", err)
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("it took %v to say so", d)
		}
		f.do(func() { f.toHost = nil })
		c := openCard(t, r)
		c.Close()
	})
}

// A card without ISO/IEC 14443-4 is reported and left out; it is known by its UID.
func TestOtherCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := counting(&counter{})
		f.sak, f.uid = 0x08, []byte{1, 2, 3, 4}
		r := f.reader(nil)
		j := watchReader(t, r)
		ev := j.next(time.Second, appeared...)
		if !strings.Contains(ev.Ignored, "SAK 08") {
			t.Errorf("ignored: %q", ev.Ignored)
		}
		j.nothing(time.Minute)
		f.do(func() { f.uid = []byte{1, 2, 3, 5} })
		j.next(time.Second, desfire.CardRemoved, desfire.CardInserted)
		f.do(func() { f.present = nil })
		j.next(time.Second, desfire.CardRemoved)
		r.Close()
	})
}

// Another card in the place of the first is another insertion, for a connection too.
func TestCardExchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := counting(&counter{})
		r := f.reader(nil)
		defer r.Close()
		c := openCard(t, r)
		defer c.Close()
		j := watchReader(t, r)
		j.next(time.Second, appeared...)
		f.do(func() { f.uid = []byte{4, 9, 9, 9, 9, 9, 9} })
		if err := c.Reconnect(t.Context()); err == nil || !err.(*Error).Removed() {
			t.Errorf("Reconnect to another card: %v", err)
		}
		ev := j.next(time.Second, desfire.CardRemoved, desfire.CardInserted)
		tr, err := ev.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tr.(*Conn).Close()
	})
}

func TestPlace(t *testing.T) {
	for spec, want := range map[string]string{"pn532:/dev/ttyUSB0": "", "pn532:COM3": "", "pn532:a\tb": "want pn532", "pn532:a b": "want pn532"} {
		_, err := place.Parse(spec, place.Schemes{Scheme(nil)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", spec, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		card := &counter{}
		f := counting(card)
		r := f.reader(nil)
		defer r.Close()
		p := r.place()
		list, err := p.Readers(t.Context())
		if err != nil || len(list) != 1 || !list[0].Card || list[0].Name != "pn532:fake" || !strings.Contains(list[0].State, "PN532 v1.6") {
			t.Errorf("readers: %+v, %v", list, err)
		}
		tr, reader, err := p.Open(t.Context(), &place.Wait{Limit: time.Minute, Alone: true, Identify: func(ctx context.Context, t desfire.Transport, _ string) (string, bool, error) {
			_, err := t.Transmit(ctx, getVersion)
			return "a card", true, err
		}})
		if err != nil || reader != "pn532:fake" {
			t.Fatalf("%q, %v", reader, err)
		}
		if _, err := tr.Transmit(t.Context(), getVersion); err != nil {
			t.Error(err)
		}
		tr.(*Conn).Close()
		f.do(func() { f.present = nil })
		if list, err := p.Readers(t.Context()); err != nil || len(list) != 1 || list[0].Card {
			t.Errorf("readers without a card: %+v, %v", list, err)
		}
		var none *place.NoCardError
		if _, _, err := p.Open(t.Context(), &place.Wait{Limit: time.Second}); !errors.As(err, &none) {
			t.Errorf("without a card: %v", err)
		}
		f.do(func() { f.silent = true })
		if _, _, err := p.Open(t.Context(), &place.Wait{Limit: time.Minute}); problemOf(err) != Silent {
			t.Errorf("without a chip: %v", err)
		}
	})
}

// FuzzSession lets arbitrary bytes come from the line: nothing hangs, panics or
// is taken for the answer of a card.
func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 0, 0xFF, 0, 0xFF, 0}, uint8(0))
	f.Add(appendFrame(nil, fromChip, 0x41, []byte{0, 1, 2, 3}), uint8(1))
	f.Add(append(bytes.Clone(ackFrame), appendFrame(nil, fromChip, 0x4B, []byte{1, 1, 3})...), uint8(2))
	f.Add(append(bytes.Clone(ackFrame), 0, 0, 0xFF, 1, 0xFF, 0x7F, 0x81, 0), uint8(3))
	f.Add([]byte{0, 0, 0xFF, 0xFF, 0xFF, 1, 9, 0xF6, 0xD5}, uint8(4))
	f.Fuzz(func(t *testing.T, b []byte, from uint8) {
		synctest.Test(t, func(t *testing.T) {
			card := &counter{size: 4}
			f := newFake(func(context.Context) (transporttest.Card, error) { return card, nil })
			frames := 0
			f.toHost = func(frame []byte) []byte {
				if frames++; frames > int(from) && frames < int(from)+20 {
					return b
				}
				return frame
			}
			r := f.reader(nil)
			defer time.Sleep(time.Minute) // until what Close left behind has ended
			defer r.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			for ev := range r.Events(ctx) {
				if ev.Kind != desfire.CardInserted || ev.Ignored != "" {
					continue
				}
				tr, err := ev.Open(ctx)
				if err != nil {
					continue
				}
				if _, err = tr.Transmit(ctx, getVersion); err == nil {
					_, err = tr.Transmit(ctx, getVersion)
				}
				tr.(*Conn).Close()
				if err == nil {
					return
				}
			}
			if ctx.Err() != nil {
				t.Error("nothing works an hour after the last of these bytes")
			}
		})
	})
}

// Only its own number tells that a chip has come to the command that it was
// given: an earlier answer of the same kind does not.
func TestEarlierEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := counting(&counter{})
		f.toHost = func(frame []byte) []byte {
			if bytes.Contains(frame, []byte{fromChip, cmdDiagnose + 1, diagnoseLine}) {
				return appendFrame(nil, fromChip, cmdDiagnose+1, []byte{diagnoseLine, 1, 2, 3, 4, 5, 6, 7, 8})
			}
			return frame
		}
		r := f.reader(nil)
		defer r.Close()
		if s, err := r.await(t.Context()); err == nil {
			t.Errorf("%v is taken for a chip that answers what it is asked", s.chip)
		}
	})
}

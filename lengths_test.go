package desfire_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// narrow is a tamper that carries no more than a reader does.
type narrow struct {
	tamper
	command, answer int
}

func (n *narrow) Limits() (int, int, desfire.Framing) {
	return n.command, n.answer, desfire.FramingWrapped
}

// readers by the path that their data take.
var readers = map[desfire.Path][2]int{
	desfire.PathChained:  {60, 60},
	desfire.PathShort:    {261, 258},
	desfire.PathExtended: {4000, 4000},
}

// openBy is open with a reader that takes a path.
func (x *target) openBy(t *testing.T, path desfire.Path, mode wire.CommMode) (*desfire.Card, *narrow) {
	t.Helper()
	ctx := context.Background()
	picc := x.card(t, mode)
	air := &narrow{tamper{Activation: picc.Present()}, readers[path][0], readers[path][1]}
	card, err := desfire.Connect(ctx, air, nil)
	if err == nil && path == desfire.PathExtended {
		_, err = card.TryExtended(ctx)
	}
	if err == nil {
		err = x.enter(card)
	}
	if err == nil {
		err = x.login(card)
	}
	if err != nil {
		t.Fatal(err)
	}
	air.sent = nil
	return card, air
}

// cuts are what a forger does to the length of one answer.
var cuts = map[string]func(a []byte) []byte{
	"empty":   func(a []byte) []byte { return a[len(a)-2:] },
	"shorter": func(a []byte) []byte { return append(a[:len(a)-3:len(a)-3], a[len(a)-2:]...) },
	"longer":  func(a []byte) []byte { return append([]byte{0x77}, a...) },
	"twice":   func(a []byte) []byte { return append(bytes.Clone(a[:len(a)-2]), a...) },
	"10 MB":   func(a []byte) []byte { return append(make([]byte, 10<<20), a[len(a)-2:]...) },
	"ends":    func(a []byte) []byte { return append(a[:len(a)-2:len(a)-2], 0x91, 0) },
}

// What is read has the length that was asked for or can be known, or it is an
// error, by whatever path it comes.
func TestLengthOfReads(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for path := range readers {
			if path == desfire.PathExtended && !x.gen.Has(wire.FeatureClassic) {
				continue
			}
			if path != desfire.PathChained && !x.gen.Has(wire.FeatureISOChaining) {
				continue
			}
			for name, cut := range cuts {
				for at := range 3 {
					t.Run(fmt.Sprintf("%s %v %s %d", x.name, path, name, at), func(t *testing.T) {
						card, air := x.openBy(t, path, wire.CommPlain)
						const n = 250
						clean, err := card.ReadData(ctx, x.data, 3, n)
						if err != nil || len(clean) != n {
							t.Fatalf("%d bytes, %v", len(clean), err)
						}
						var size int
						if x.scheme != wire.SchemeNone {
							all, err := card.ReadData(ctx, x.data, 0, 0)
							if err != nil {
								t.Fatal(err)
							}
							size = len(all)
						}
						for _, length := range []uint32{n, 0} {
							want := n
							if length == 0 {
								want = size - 3
							}
							air.plan = nil
							for _, ins := range []byte{wire.InsReadData, wire.InsReadDataISO} {
								if at == 0 {
									air.on(trick{ins: ins, answer: cut})
								}
							}
							if at > 0 {
								air.on(trick{ins: wire.InsAdditionalFrame, skip: at - 1, answer: cut}, trick{ins: wire.InsReadDataISO, skip: at, answer: cut})
							}
							was := len(air.plan)
							got, err := card.ReadData(ctx, x.data, 3, length)
							done := len(air.plan) < was
							if done && err == nil && len(got) != want && (length != 0 || size > 0) {
								t.Errorf("length %d: %d bytes and no error", length, len(got))
							}
							if done && err == nil && name == "10 MB" {
								t.Error("10 MB were taken")
							}
							if err != nil && !as[*desfire.IntegrityError](err) {
								t.Errorf("length %d: %v", length, err)
							}
							if err != nil {
								air.plan = nil
								if err := x.enter(card); err != nil {
									t.Fatal(err)
								}
								if err := x.login(card); err != nil {
									t.Fatal(err)
								}
							}
						}
					})
				}
			}
		}
	}
}

// Records come whole, and as many as were asked for, whether their size is
// known or not.
func TestLengthOfRecords(t *testing.T) {
	ctx := context.Background()
	x := targets[0]
	picc := x.card(t, wire.CommPlain)
	card, _ := x.open(t, picc, nil)
	for i := range byte(3) {
		if _, err := card.Transact(ctx, func() error { return card.WriteRecord(ctx, x.log, 0, bytes.Repeat([]byte{i}, 16)) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, known := range []bool{false, true} {
		for _, count := range []uint32{0, 1, 2, 3} {
			for name, cut := range cuts {
				if name == "ends" {
					continue // there is one frame
				}
				fresh := &tamper{Activation: picc.Present()}
				card, err := desfire.Connect(ctx, fresh, nil)
				if err == nil {
					err = x.enter(card)
				}
				if err == nil && known {
					_, err = card.FileSettings(ctx, x.log)
				}
				if err != nil {
					t.Fatal(err)
				}
				fresh.on(trick{ins: wire.InsReadRecords, answer: cut}, trick{ins: wire.InsReadRecordsISO, answer: cut})
				got, err := card.ReadRecords(ctx, x.log, 0, count)
				// Where the size is not known any multiple of the count will do.
				plausible := len(got) > 0 && len(got) <= 64<<10 && (!known || len(got)%16 == 0 && count == 0) && (count == 0 || len(got)%int(count) == 0)
				if err == nil && !plausible || err != nil && !as[*desfire.IntegrityError](err) {
					t.Errorf("known %v, count %d, %s: %d bytes, %v", known, count, name, len(got), err)
				}
			}
		}
	}
}

// A write that is answered AF after its last byte is an error at once.
func TestWriteThatTheCardWaitsFor(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for name, write := range map[string]struct {
			ins []byte
			run func(card *desfire.Card) error
		}{
			"WriteData":   {[]byte{wire.InsWriteData, wire.InsWriteDataISO}, func(card *desfire.Card) error { return card.WriteData(ctx, x.data, 0, []byte{1}) }},
			"WriteRecord": {[]byte{wire.InsWriteRecord, wire.InsWriteRecordISO}, func(card *desfire.Card) error { return card.WriteRecord(ctx, x.log, 0, []byte{1}) }},
			"Debit":       {[]byte{wire.InsDebit}, func(card *desfire.Card) error { return card.Debit(ctx, x.value, 1) }},
			"settings": {[]byte{wire.InsChangeFileSettings}, func(card *desfire.Card) error {
				return card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: x.data})
			}},
		} {
			card, air := x.open(t, x.card(t, wire.CommMAC), nil)
			for _, no := range []desfire.FileNo{x.data, x.value, x.log} {
				if _, err := card.FileSettings(ctx, no); err != nil {
					t.Fatal(err)
				}
			}
			for _, ins := range write.ins {
				air.on(trick{ins: ins, hide: true, answer: forged("91AF")})
			}
			air.on(trick{ins: wire.InsAdditionalFrame, hide: true, always: true, answer: forged("91AF")})
			air.sent = nil
			if err := write.run(card); !as[*desfire.IntegrityError](err) || len(air.sent) != 1 {
				t.Errorf("%s %s: %v after %d commands", x.name, name, err, len(air.sent))
			}
		}
	}
}

// An answer that never ends is an error before it fills the memory.
func TestEndlessAnswers(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for name, run := range map[string]struct {
			ins []byte
			run func(card *desfire.Card) error
			max int // frames
		}{
			"ReadData":    {[]byte{wire.InsReadData, wire.InsReadDataISO}, func(card *desfire.Card) error { _, err := card.ReadData(ctx, x.data, 0, 100); return err }, 15},
			"ReadRecords": {[]byte{wire.InsReadRecords, wire.InsReadRecordsISO}, func(card *desfire.Card) error { _, err := card.ReadRecords(ctx, x.log, 0, 1); return err }, 9000},
			"Value":       {[]byte{wire.InsGetValue}, func(card *desfire.Card) error { _, err := card.Value(ctx, x.value); return err }, 10},
			"Files":       {[]byte{wire.InsGetFileIDs}, func(card *desfire.Card) error { _, err := card.Files(ctx); return err }, 1100},
		} {
			for answer, max := range map[string]int{"000102030405060708090A0B0C0D0E0F91AF": run.max, "91AF": 9000} {
				card, air := x.open(t, x.card(t, wire.CommMAC), nil)
				for _, ins := range run.ins {
					air.on(trick{ins: ins, hide: true, answer: forged(answer)})
				}
				air.on(trick{ins: wire.InsAdditionalFrame, hide: true, always: true, answer: forged(answer)})
				if err := run.run(card); !as[*desfire.IntegrityError](err) || len(air.sent) > max {
					t.Errorf("%s %s: %v after %d commands", x.name, name, err, len(air.sent))
				}
			}
		}
	}
}

package trace

import (
	"bytes"
	"context"
	"reflect"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// scribble overwrites all bytes that a recording refers to.
func scribble(r *Recording) {
	spoil := func(b []byte) {
		for i := range b {
			b[i] ^= 0xFF
		}
	}
	spoil(r.Card.ATR)
	for _, b := range r.RndA {
		spoil(b)
	}
	for i := range r.Exchanges {
		e := &r.Exchanges[i]
		spoil(e.Command)
		spoil(e.Response)
		if p := e.Preset; p != nil {
			spoil(p.Enc)
			spoil(p.MAC)
			spoil(p.TI)
		}
		*e = Exchange{}
	}
}

// What a recorder, a recording and a player hand out belongs to the caller.
func TestCopiesAreTheCallers(t *testing.T) {
	ctx := context.Background()
	version := []byte{0x90, 0x60, 0, 0, 0}
	answer := []byte{4, 1, 1, 0x12, 0, 0x18, 5, 0x91, 0xAF}
	record := func(spoil bool) *Recorder {
		conf := &RecorderConfig{NoTimes: true, Observe: func(e *Exchange) {
			if spoil {
				scribble(&Recording{Exchanges: []Exchange{*e}})
			}
		}}
		r := NewRecorder(conf)
		full := &full{bare: bare{answers: [][]byte{bytes.Clone(answer)}}}
		if _, err := r.Wrap(full).Transmit(ctx, bytes.Clone(version)); err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := record(false).Recording()
	if !bytes.Equal(want.Exchanges[0].Response, answer) {
		t.Fatalf("recorded % X", want.Exchanges[0].Response)
	}
	r := record(true)
	if !reflect.DeepEqual(want, r.Recording()) {
		t.Error("an observer edits the recording")
	}
	scribble(r.Recording())
	if !reflect.DeepEqual(want, r.Recording()) {
		t.Error("Recording hands out the recorder's memory")
	}

	whole := func() *Recording {
		rec := record(false).Recording()
		rec.RndA = [][]byte{{1, 2, 3}}
		rec.Exchanges[0].Preset = &Preset{Kind: "EV2", Enc: []byte{1}, MAC: []byte{2}, TI: []byte{3}}
		return rec
	}
	rec := whole()
	scribble(rec.Cut())
	scribble(rec.Redacted())
	if !reflect.DeepEqual(whole(), rec) {
		t.Error("Cut or Redacted share memory with the recording")
	}
	for _, o := range Verify(rec, nil).Messages {
		scribble(&Recording{RndA: [][]byte{o.Plain, o.PlainAnswer}})
	}
	if !reflect.DeepEqual(whole(), rec) {
		t.Error("Verify hands out the recording's memory")
	}
	p := NewPlayer(rec)
	p.ATR()[0] ^= 0xFF
	got, err := p.Transmit(ctx, version)
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	wrong := NewPlayer(rec)
	if _, err := wrong.Transmit(ctx, []byte{0x90, 0x61, 0, 0, 0}); err != nil {
		clear(err.(*MismatchError).Want)
	}
	if !reflect.DeepEqual(whole(), rec) {
		t.Error("a player hands out the recording's memory")
	}
}

// What a message refers to is only read, so that others may read it as well. The race
// detector sees a write.
func TestFieldsOnlyRead(t *testing.T) {
	name := []byte{0xD2, 0x76, 0, 0, 0x85, 1, 0}
	data := []byte("shared by all")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for _, m := range []wire.Message{
				&wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectNoData},
				&wire.WriteData{File: 1, Data: data},
			} {
				if len(Fields(m)) == 0 {
					t.Errorf("%T has no fields", m)
				}
			}
		})
	}
	all.Wait()
}

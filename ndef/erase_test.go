package ndef_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Nothing of an erased message stays on the card, and the tag can be used again.
func TestErase(t *testing.T) {
	ctx := t.Context()
	chip, err := sim.New(&sim.Config{Generation: wire.NTAG424})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, chip.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer card.Close()
	tag, err := ndef.Open(ctx, card)
	if err != nil {
		t.Fatal(err)
	}
	m := ndef.Message{ndef.Text("en", string(bytes.Repeat([]byte("secret "), 33)))}
	if err := tag.Write(ctx, m); err != nil {
		t.Fatal(err)
	}
	if err := tag.Erase(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := tag.Read(ctx)
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if err := card.Select(ctx, wire.Place{Fixed: true}); err != nil {
		t.Fatal(err)
	}
	content, err := card.ReadData(ctx, 2, 0, 0)
	if err != nil || len(content) != 256 || len(bytes.Trim(content, "\x00")) > 0 {
		t.Errorf("%X, %v", content, err)
	}
	if tag, err = ndef.Open(ctx, card); err != nil {
		t.Fatal(err)
	}
	if err := tag.Write(ctx, m); err != nil {
		t.Error(err)
	}
	tag.File.Write = ndef.AccessNever
	if err := tag.Erase(ctx); !errors.Is(err, ndef.ErrReadOnly) {
		t.Error(err)
	}
}

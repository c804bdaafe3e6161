package ndef_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func ExampleParse() {
	m, err := ndef.Parse([]byte("\xD1\x01\x08U\x01nfc.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	uri, err := m[0].URI()
	fmt.Println(uri, err)
	// Output: http://www.nfc.com <nil>
}

func ExampleOpen() {
	ctx := context.Background()
	chip, _ := sim.New(&sim.Config{Generation: wire.NTAG424})
	card, err := desfire.Connect(ctx, chip.Present(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer card.Close()
	tag, err := ndef.Open(ctx, card)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := tag.Write(ctx, ndef.Message{ndef.URI("https://example.com"), ndef.Text("en", "Hello")}); err != nil {
		fmt.Println(err)
		return
	}
	m, err := tag.Read(ctx)
	for i := range m {
		fmt.Println(&m[i])
	}
	fmt.Println(err)
	// Output:
	// URI "https://example.com"
	// text (en) "Hello"
	// <nil>
}

func ExampleLayout() {
	layout := ndef.Layout{Size: 128, Message: ndef.Message{ndef.URI("https://example.com")}}
	commands, err := layout.Commands()
	for _, c := range commands {
		fmt.Println(c.Spec().Name)
	}
	fmt.Println(err)
	// Output:
	// CreateApplication
	// SelectApplication
	// CreateStdDataFile
	// WriteData
	// ChangeFileSettings
	// CreateStdDataFile
	// WriteData
	// <nil>
}

package wire_test

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// The same walk writes a command, reads it and explains it.
func ExampleCoder() {
	var c wire.Coder
	e, err := c.Encode(nil, &wire.WriteData{File: 1, Offset: 16, Data: []byte("hello")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%X, %d of them in clear\n", e.Bytes, e.Head)

	var m wire.WriteData
	if err := c.Decode(e.Bytes, nil, &m); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("file %v, offset %d, %q\n", m.File, m.Offset, m.Data)

	fields, err := c.Explain(e, new(wire.WriteData))
	for _, f := range fields {
		fmt.Printf("%d+%d %s=%s\n", f.Offset, f.Len, f.Name, f.Value)
	}
	fmt.Println(err)
	// Output:
	// 0110000005000068656C6C6F, 7 of them in clear
	// file 1, offset 16, "hello"
	// 0+1 FileNo=1
	// 1+3 Offset=16
	// 4+3 Length=5
	// 7+5 Data=68656C6C6F
	// <nil>
}

// An application with five AES keys and the ISO name of an NDEF application.
func ExampleCreateApplication() {
	var c wire.Coder
	e, err := c.Encode(nil, &wire.CreateApplication{
		AID:    0x000001,
		KS1:    wire.SettDefault,
		KS2:    wire.NewKeySett2(wire.KeyAES, 5) | wire.SettISOFiles,
		FID:    0xE110,
		DFName: wire.NDEFName[:],
	})
	fmt.Printf("%X %v\n", e.Bytes, err)
	// Output: 0100000FA510E1D2760000850101 <nil>
}

// Settings of the card have a struct each.
func ExampleSetConfiguration() {
	var c wire.Coder
	e, err := c.Encode(nil, &wire.SetConfiguration{Setting: &wire.PICCConfig{Flags: wire.PICCRandomID}})
	fmt.Printf("%X, %d in clear, %v\n", e.Bytes, e.Head, err)
	// Output: 0002, 1 in clear, <nil>
}

package diagnose_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// A log of another program: an authentication that the card refused, and the key
// that the program used.
func ExampleRecording() {
	rec, _, err := trace.Parse([]byte(`
> 90AA0000010000
< 7aca0fd9bcd6ec7c9f97466616e6a28291AF
> 90AF000020ffe56e63381a578daf1355acb2a2a339cc3a23345e37f7979351392335d66d0100
< 91AE`))
	if err != nil {
		log.Fatal(err)
	}
	r := diagnose.Recording(rec, &diagnose.Config{Keys: []trace.Key{{No: -1, Value: key.Zero(key.TypeAES)}}})
	for _, f := range r.Findings {
		fmt.Println(f.Exchange, f.Sure, f.Rule)
		fmt.Println(f.Text)
		fmt.Println(f.Next)
	}
	// Output:
	// 1 proved rndb-not-rotated
	// The reader did not rotate RndB.
	// Rotate RndB to the left by one byte before it is put into the token.
}

// A card refuses a command, and what passed tells why.
func ExampleRecording_live() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		log.Fatal(err)
	}
	recorder := trace.NewRecorder(nil)
	card, err := desfire.Connect(ctx, recorder.Wrap(picc.Present()), nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = card.FileSettings(ctx, 1) // no application is selected
	fmt.Println(errors.Is(err, wire.StatusPermissionDenied))
	if f := diagnose.Recording(recorder.Recording(), nil).Last(); f != nil {
		fmt.Println(f.Sure, f.Text)
	}
	// Output:
	// true
	// likely GetFileSettings is a command to an application, and none has been selected in the recording.
}

package trace_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// Check what a recorded session says, with the keys that stand in it.
func ExampleVerify() {
	rec, err := trace.ReadFile("../testdata/traces/an12343-t07-getcarduid.json")
	if err != nil {
		log.Fatal(err)
	}
	r := trace.Verify(rec, nil)
	fmt.Println(r.Verdict, r.Authentications, r.MACs)
	for _, m := range r.Messages {
		for _, line := range m.Lines() {
			fmt.Println(line)
		}
	}
	// Output:
	// verified 1 2
	//    0 -> ISOSelect  P1={by name} P2={no data} DFName=A00000039656434103F015400000000B Le=256
	//      <- OK
	//    1 -> AuthenticateEV2First  KeyNo=0 LenCap=0
	//      <- OPERATION_OK   [the card's answer is right, key: AES version 00 check C30E76]
	//    3 -> GetCardUID   ev2 full
	//      <- OPERATION_OK  UID=04DE5F1EACC040   [2 MACs right]
}

// A key from elsewhere, for a log of another program.
func ExampleVerify_log() {
	rec, err := trace.ReadFile("testdata/pm3-apdu.log")
	if err != nil {
		log.Fatal(err)
	}
	k, err := trace.ParseKey("000000:0=des:0000000000000000")
	if err != nil {
		log.Fatal(err)
	}
	r := trace.Verify(rec, &trace.VerifyConfig{Keys: []trace.Key{k}})
	fmt.Println(r.Verdict, r.Authentications, r.MACs, r.CRCs)

	rec.Exchanges[2].Response[0] ^= 0x01 // the answer of FormatPICC
	r = trace.Verify(rec, &trace.VerifyConfig{Keys: []trace.Key{k}})
	fmt.Println(r.Verdict, r.Failures)
	// Output:
	// verified 1 1 0
	// failed [exchange 2: FormatPICC: the answer's CMAC is wrong [answer MAC]]
}

// Say in words what passes, as it happens.
func ExampleExplainer() {
	var x trace.Explainer
	picc, err := sim.New(&sim.Config{Generation: wire.EV1})
	if err != nil {
		log.Fatal(err)
	}
	recorder := trace.NewRecorder(&trace.RecorderConfig{NoTimes: true, Observe: func(e *trace.Exchange) {
		for _, line := range x.Feed(e) {
			fmt.Println(line)
		}
	}})
	ctx := context.Background()
	card, err := desfire.Connect(ctx, recorder.Wrap(picc.Present()), &desfire.Config{Generation: wire.EV1})
	if err != nil {
		log.Fatal(err)
	}
	_ = card.SelectApplication(ctx, wire.PICC)
	_ = card.SelectApplication(ctx, 0x123456)
	// Output:
	// -> SelectApplication  AID=000000   90 5A 00 00 03 00 00 00 00
	// <- OPERATION_OK   91 00
	// -> SelectApplication  AID=123456   90 5A 00 00 03 56 34 12 00
	// <- APPLICATION_NOT_FOUND   91 A0
}

// Record a session, and run the same code against the recording.
func ExamplePlayer() {
	ctx := context.Background()
	job := func(t desfire.Transport) error {
		card, err := desfire.Connect(ctx, t, &desfire.Config{Generation: wire.EV2})
		if err != nil {
			return err
		}
		aids, err := card.Applications(ctx)
		fmt.Println("applications:", len(aids))
		return err
	}
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		log.Fatal(err)
	}
	recorder := trace.NewRecorder(nil)
	if err := job(recorder.Wrap(picc.Present())); err != nil {
		log.Fatal(err)
	}
	player := trace.NewPlayer(recorder.Recording())
	if err := job(player); err != nil {
		log.Fatal(err)
	}
	fmt.Println("all used:", player.Close() == nil)
	// Output:
	// applications: 0
	// applications: 0
	// all used: true
}

// Convert a log of another program into a recording.
func ExampleParse() {
	log1 := []byte("> 905A00000300000000\n< 9100\n")
	rec, format, err := trace.Parse(log1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(format)
	_ = rec.Write(os.Stdout, trace.FormatLines)
	// Output:
	// hex lines
	// # hex lines
	// > 90 5A 00 00 03 00 00 00 00
	// < 91 00
}

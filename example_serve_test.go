package desfire_test

import (
	"context"
	"fmt"
	"log"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/wire"
)

// Every card on every reader is worked on at the same time.
func ExampleServe() {
	ctx, cancel := context.WithCancel(context.Background())
	gate := simreader.New("gate", exampleCard())
	conf := &desfire.ServeConfig{
		OnEvent: func(ev desfire.Event) { fmt.Println(ev.Reader, ev.Kind) },
		OnError: func(ev desfire.Event, err error) { log.Print(ev.Reader, err) },
	}
	err := desfire.Serve(ctx, gate, conf, func(ctx context.Context, card *desfire.Card) {
		fmt.Println("charged:", charge(ctx, card) == nil)
		cancel() // a real gate stays open
	})
	fmt.Println("ended:", err)
	// Output:
	// gate reader-added
	// gate inserted
	// charged: true
	// ended: <nil>
}

// meter is a transport that counts exchanges. What else the wrapped one can do
// is found behind Unwrap.
type meter struct {
	desfire.Transport
	exchanges int
}

func (m *meter) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	m.exchanges++
	return m.Transport.Transmit(ctx, command)
}

func (m *meter) Unwrap() desfire.Transport { return m.Transport }

// A transport is one method. Package transporttest tests that it does what every
// transport must.
func ExampleTransport() {
	m := &meter{Transport: exampleCard().Present()}
	card, err := desfire.Connect(context.Background(), m, &desfire.Config{Generation: wire.EV2})
	if err != nil {
		log.Fatal(err)
	}
	defer card.Close() // closes what m wraps
	fmt.Println(charge(context.Background(), card), "after", m.exchanges, "exchanges")
	// Output:
	// <nil> after 3 exchanges
}

// The transport of the Example does what every transport must.
func TestTransportOfTheExample(t *testing.T) {
	transporttest.RunFixed(t, func(*testing.T) transporttest.Transport {
		return &meter{Transport: exampleCard().Present()}
	}, []byte{0x90, 0x64, 0, 0, 1, 0, 0})
}

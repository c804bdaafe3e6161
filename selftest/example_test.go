package selftest_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func ExampleRun() {
	ctx := context.Background()
	chip, err := sim.New(&sim.Config{Generation: wire.EV1, UID: []byte{0x04, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		fmt.Println(err)
		return
	}
	card, err := desfire.Connect(ctx, chip.Present(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer card.Close()
	report, err := selftest.Run(ctx, card, &selftest.Config{
		WipeCard: []byte{0x04, 1, 2, 3, 4, 5, 6},
		Only:     "value.limited-credit",
		OnStep:   func(s selftest.Step) { fmt.Println(s) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("The card was left", report.Left)
	// Output:
	// PASS  value.limited-credit.base           limited credit up to what was debited
	// PASS  value.limited-credit.reset          a limited credit of any amount uses it up
	// PASS  value.limited-credit.sum            debits of a transaction add up, credits do not count
	// PASS  value.limited-credit.pending        a debit that is not committed does not count
	// PASS  value.limited-credit.off            limited credit where it is switched off
	// The card was left formatted, with its settings and master key as they were
}

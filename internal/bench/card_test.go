package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/vpcd"
	"github.com/go-desfire/desfire/wire"
)

// The two cards of wires are in a process of their own, as behind a real wire:
// nothing of theirs is in our allocations, and Go does not schedule them with us.
// They are in one, so that the system treats them alike.

// cardsEnv tells this binary to be two cards, and where: "tcp", or the addresses of
// two slots of vpcd.
const cardsEnv = "DESFIRE_BENCH_CARDS"

// beCards presents cards until the standard input ends.
func beCards(where string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	slots := strings.Fields(where)
	if where == "tcp" {
		slots = []string{"", ""}
	}
	ended := make(chan error)
	for _, slot := range slots {
		picc, err := sim.New(&sim.Config{Generation: wire.EV3})
		if err != nil {
			return err
		}
		if err := personalise(ctx, picc, key.TypeAES); err != nil {
			return err
		}
		if slot != "" {
			go func() {
				ended <- vpcd.New(slot, func(context.Context) (vpcd.Card, error) { return picc.Present(), nil }, nil).Run(ctx)
			}()
			fmt.Println(slot)
			continue
		}
		l, err := tcp.Listen(ctx, ":0")
		if err != nil {
			return err
		}
		go func() {
			ended <- tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) { return picc.Present(), nil })
		}()
		fmt.Println(l.Addr())
	}
	return errors.Join(<-ended, <-ended)
}

// startCards starts a process that is two cards until the test ends, and returns
// their addresses.
func startCards(t testing.TB, where string) (one, other string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), cardsEnv+"="+where)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the cards' process: %v", err)
		}
	})
	_, err = fmt.Fscan(out, &one, &other)
	must(t, err)
	return one, other
}

// personalise gives a card an application of two keys, all zero. Files 0, 1 and 2
// hold data, 3 is a value of free access, 4 one under the key.
func personalise(ctx context.Context, picc *sim.Card, typ key.Type) error {
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		return err
	}
	defer card.Close()
	keyed := wire.AccessRights{Read: keyNo, Write: keyNo, ReadWrite: keyNo, Change: 0}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Never}
	if err := card.CreateApplication(ctx, &wire.CreateApplication{AID: application, KS1: 0x0F, KS2: wire.NewKeySett2(typ.Wire(), 2)}); err != nil {
		return err
	}
	if err := card.SelectApplication(ctx, application); err != nil {
		return err
	}
	for i, mode := range modes {
		if err := card.CreateFile(ctx, &wire.CreateStdDataFile{File: desfire.FileNo(i), Option: wire.FileOption(mode), Access: keyed, Size: 64}); err != nil {
			return err
		}
	}
	if err := card.CreateFile(ctx, &wire.CreateValueFile{File: freeValue, Access: free, Upper: 1 << 30, Value: 1 << 30}); err != nil {
		return err
	}
	return card.CreateFile(ctx, &wire.CreateValueFile{File: keyedValue, Option: wire.OptionFull, Access: keyed, Upper: 1 << 30, Value: 1 << 30})
}

package desfire

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/wire"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// script is a card that expects commands and gives answers: pairs of
// hexadecimal strings. An answer that begins with ! is an error.
type script struct {
	t     *testing.T
	steps []string
	reset int
}

type linkError struct{ sent bool }

func (e linkError) Error() string { return "link down" }
func (e linkError) Sent() bool    { return e.sent }

func (s *script) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	s.t.Helper()
	if len(s.steps) < 2 {
		s.t.Fatalf("unexpected command %X", cmd)
	}
	if want := unhex(s.steps[0]); !bytes.Equal(cmd, want) {
		s.t.Fatalf("sent %X, want %X", cmd, want)
	}
	answer := s.steps[1]
	s.steps = s.steps[2:]
	switch answer {
	case "!sent":
		return nil, linkError{true}
	case "!unsent":
		return nil, linkError{false}
	}
	return unhex(answer), nil
}

func (s *script) Reconnect(context.Context) error { s.reset++; return nil }

func scripted(t *testing.T, conf *Config, steps ...string) (*Card, *script) {
	t.Helper()
	s := &script{t: t, steps: steps}
	if conf == nil {
		conf = &Config{Generation: wire.EV1, Framing: FramingNative}
	}
	card, err := Connect(context.Background(), s, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if len(s.steps) > 0 {
			t.Errorf("not sent: %v", s.steps)
		}
	})
	return card, s
}

func TestOutcome(t *testing.T) {
	ctx := context.Background()
	commit := func(c *Card) error { return c.Commit(ctx) }
	debit := func(c *Card) error { return c.Debit(ctx, 1, 5) }
	write := func(c *Card) error { return c.WriteData(ctx, 2, 0, make([]byte, 100)) }
	read := func(c *Card) error { _, err := c.Value(ctx, 1); return err }
	long := "3D02000000640000" + strings.Repeat("00", 52)
	for _, tc := range []struct {
		name    string
		steps   []string
		do      func(*Card) error
		unknown bool
		retry   bool
		partial bool
	}{
		{"commit lost", []string{"C7", "!sent"}, commit, true, false, false},
		{"commit not sent", []string{"C7", "!unsent"}, commit, false, true, false},
		{"commit garbage", []string{"C7", ""}, commit, true, false, false},
		{"commit with surplus", []string{"C7", "00 112233"}, commit, true, false, false},
		{"commit refused", []string{"C7", "0C"}, commit, false, false, false},
		{"debit lost", []string{"DC0105000000", "!sent"}, debit, false, true, false},
		{"debit refused", []string{"DC0105000000", "BE"}, debit, false, false, false},
		{"read lost", []string{"6C01", "!sent"}, read, false, true, false},
		{"read short", []string{"6C01", "00 0102"}, read, false, true, false},
		{"read endless", []string{"6C01", "AF", "AF", "AE"}, read, false, false, false},
		{"write lost in the middle", []string{long, "AF", "AF" + strings.Repeat("00", 48), "!sent"}, write, true, false, true},
		{"write lost at once", []string{long, "!sent"}, write, true, false, true},
		{"write not sent", []string{long, "!unsent"}, write, false, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			card, _ := scripted(t, nil, tc.steps...)
			if err := card.AssumeFileSettings(2, wire.FileSettings{Type: wire.FileStandard, Size: 1000}); err != nil {
				t.Fatal(err)
			}
			err := tc.do(card)
			if err == nil {
				t.Fatal("no error")
			}
			var unknown *OutcomeUnknownError
			if got := errors.As(err, &unknown); got != tc.unknown {
				t.Errorf("unknown is %v: %v", got, err)
			} else if got && unknown.Partial != tc.partial {
				t.Errorf("partial is %v: %v", unknown.Partial, err)
			}
			if got := SafeToRetry(err); got != tc.retry {
				t.Errorf("safe to retry is %v: %v", got, err)
			}
		})
	}
}

func TestEarlyErrorsSendNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	card, _ := scripted(t, nil)
	var arg *ArgumentError
	if err := card.WriteData(ctx, 1, 1<<24, nil); !errors.As(err, &arg) {
		t.Errorf("offset out of range: %v", err)
	}
	if _, err := Do(ctx, card, &wire.ReadDataISO{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EV1 has no ISO chaining: %v", err)
	}
	cancel()
	if _, err := card.Value(ctx, 1); !errors.Is(err, context.Canceled) || !SafeToRetry(err) {
		t.Errorf("ended context: %v", err)
	}
	if err := card.Commit(ctx); errors.As(err, new(*OutcomeUnknownError)) {
		t.Errorf("nothing was sent, yet: %v", err)
	}
	_ = card.Close()
	if _, err := card.Value(context.Background(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestAbandonedChainIsCleared(t *testing.T) {
	ctx := context.Background()
	card, _ := scripted(t, nil,
		"60", "AF 04010101001805", "AF", "!sent",
		"5A 563412", "CA", "5A 563412", "00",
		"6C01", "CA")
	if _, err := card.Version(ctx); !SafeToRetry(err) {
		t.Fatal(err)
	}
	if err := card.SelectApplication(ctx, 0x123456); err != nil {
		t.Errorf("the command after an abandoned chain: %v", err)
	}
	if _, err := card.Value(ctx, 1); !errors.Is(err, wire.StatusCommandAborted) {
		t.Errorf("without an abandoned chain CA is an error: %v", err)
	}
}

func TestConnectFallsBackToNative(t *testing.T) {
	s := &script{t: t, steps: []string{
		"9060000000", "1C",
		"00A4040C07D276000085010000"[:24] + "00", "1C",
		"60", "AF 04010100021805", "AF", "AF 04010100041805", "AF", "00 04112233445566 0102030405 1199"}}
	s.steps[2] = "00A4040C07D2760000850100"
	card, err := Connect(context.Background(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if card.Framing() != FramingNative || card.Generation() != wire.D40 || s.reset != 1 {
		t.Errorf("%v %v, %d resets", card.Framing(), card.Generation(), s.reset)
	}
	if want := "04112233445566"; fmt.Sprintf("%X", card.UID()) != want {
		t.Errorf("UID %X, want %s", card.UID(), want)
	}
}

func TestConnectRefusesOtherCards(t *testing.T) {
	for name, steps := range map[string][]string{
		"phone": {"9060000000", "6E00", "00A4040C07D2760000850100", "6A82", "60", "6E"},
		"mute":  {"9060000000", "6D00", "00A4040C07D2760000850100", "6D00", "60", ""},
		"plus":  {"9060000000", "04020111001805 91AF", "90AF000000", "04020101001805 91AF", "90AF000000", "0411223344556601020304051199 9100", "00A4040C07D2760000850100", "6A82", "60", "1C"},
	} {
		var no *NotDESFireError
		if _, err := Connect(context.Background(), &script{t: t, steps: steps}, nil); !errors.As(err, &no) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type stuck struct{ entered chan struct{} }

func (s stuck) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	close(s.entered)
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestBusyAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stuck{make(chan struct{})}
		card, err := Connect(context.Background(), s, &Config{Generation: wire.EV1, ExchangeTimeout: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		other := make(chan error)
		go func() { other <- card.Commit(context.Background()) }()
		<-s.entered
		if _, err := card.Value(context.Background(), 1); !errors.Is(err, ErrBusy) {
			t.Errorf("second goroutine: %v", err)
		}
		var unknown *OutcomeUnknownError
		if err := <-other; !errors.As(err, &unknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a card that never answers: %v", err)
		}
	})
}

// A timeout that was asked for holds although the context has a deadline.
func TestTimeoutBesideADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		card, err := Connect(ctx, stuck{make(chan struct{})}, &Config{Generation: wire.EV1, ExchangeTimeout: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := card.Value(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			t.Errorf("%v", err)
		}
	})
}

func TestTransact(t *testing.T) {
	ctx := context.Background()
	card, _ := scripted(t, nil,
		"DC0105000000", "00", "C7", "00", // done
		"C7", "0C", // nothing to do
		"DC0105000000", "00", "A7", "00", // body fails with something pending
		"DC0105000000", "BE") // the card refuses, and has dropped it
	if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, 1, 5) }); err != nil {
		t.Error(err)
	}
	if _, err := card.Transact(ctx, func() error { return nil }); err != nil {
		t.Errorf("nothing changed: %v", err)
	}
	mine := errors.New("mine")
	if _, err := card.Transact(ctx, func() error {
		if err := card.Debit(ctx, 1, 5); err != nil {
			return err
		}
		if _, err := card.Transact(ctx, func() error { return nil }); !errors.Is(err, ErrNested) {
			t.Errorf("nested: %v", err)
		}
		return mine
	}); !errors.Is(err, mine) {
		t.Error(err)
	}
	if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, 1, 5) }); !errors.Is(err, wire.StatusBoundaryError) {
		t.Error(err)
	}
}

type canned struct{ answer []byte }

func (c canned) Transmit(context.Context, []byte) ([]byte, error) { return c.answer, nil }

func TestHotPathDoesNotAllocate(t *testing.T) {
	ctx := context.Background()
	value, done := canned{unhex("2A0000009100")}, canned{unhex("9100")}
	for name, tc := range map[string]struct {
		t   Transport
		cmd wire.Command
		rsp wire.Message
	}{
		"GetValue":          {value, &wire.GetValue{File: 1}, new(wire.Value)},
		"Debit":             {done, &wire.Debit{File: 1, Amount: 1}, new(wire.Empty)},
		"CommitTransaction": {done, &wire.CommitTransaction{}, new(wire.CommitTransactionResponse)},
		"ReadData":          {value, &wire.ReadData{File: 1, Length: 4}, new(wire.Data)},
	} {
		card, err := Connect(ctx, tc.t, &Config{Generation: wire.EV1})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1000, func() {
			if err := card.Run(ctx, tc.cmd, tc.rsp); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkGetValueCanned(b *testing.B) {
	ctx := context.Background()
	card, err := Connect(ctx, canned{unhex("2A0000009100")}, &Config{Generation: wire.EV1})
	if err != nil {
		b.Fatal(err)
	}
	cmd, rsp := &wire.GetValue{File: 1}, new(wire.Value)
	b.ReportAllocs()
	for b.Loop() {
		if err := card.Run(ctx, cmd, rsp); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever a card answers, always the same: only a success is one, its data are
// what the card sent, and nothing hangs.
func FuzzCardAnswers(f *testing.F) {
	f.Add(unhex("AF04010101001805"), true)
	f.Add(unhex("049100"), false)
	f.Fuzz(func(t *testing.T, answer []byte, native bool) {
		conf := &Config{Framing: FramingWrapped}
		if native {
			conf.Framing = FramingNative
		}
		ctx := context.Background()
		if card, err := Connect(ctx, canned{answer}, conf); err == nil {
			_, _ = card.Applications(ctx)
		}
		conf.Generation = wire.EV3
		card, err := Connect(ctx, canned{answer}, conf)
		if err != nil {
			t.Fatal(err)
		}
		fine := []wire.Status{wire.StatusOK, wire.StatusISOOK, wire.StatusSignatureOK, wire.StatusAdditionalFrame, wire.StatusNoChanges}
		for s := range wire.Commands() {
			if s.Unknown != "" {
				continue
			}
			rsp := new(wire.Data)
			if err := card.Run(ctx, s.New(), rsp); err != nil {
				continue
			}
			data, st, ok := wire.ParseAnswer(conf.Framing, answer, false)
			if s.Class != wire.ClassNative {
				data, st, ok = wire.ParseAnswer(wire.FramingWrapped, answer, false)
			}
			if !ok || !slices.Contains(fine, st) || !bytes.Contains(data, rsp.Data) {
				t.Errorf("%s: %X is a success with %X", s.Name, answer, rsp.Data)
			}
		}
	})
}

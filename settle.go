package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// SettleConfig says how to make sure that nothing of a transaction is pending.
type SettleConfig struct {
	Place Place // the application
	Login SettleKey

	// TMAC is the application's transaction MAC file; nil if it has none.
	TMAC *SettleTMAC

	// Value is a value file: it is read, and debited by 0 where there is no TMAC.
	Value *FileNo
	// Slot is data that is read; a transaction's own mark, for example.
	Slot *SettleData
	// Records are read as ReadRecords does.
	Records *SettleRecords
	// Spare is one byte of a backup file that nothing uses. It is written
	// instead of the debit of 0, which a card may refuse.
	Spare *SettleSpare

	// Elsewhere is a key of another application, or of the card: who opens a
	// session there has really left this application. It fences a D40 session,
	// which the other ways cannot.
	Elsewhere *SettleElsewhere

	// Accidents is enough where nobody stands between reader and card: a
	// selection and an authentication, in every channel.
	Accidents bool
}

// SettleKey is a key to authenticate with. Key is nil where there is no session,
// which leaves Accidents only.
type SettleKey struct {
	No     KeyNo
	Key    key.Key
	Method *key.Method // nil: the strongest that key and card allow
}

// SettleTMAC is a transaction MAC file. ReaderID goes into CommitReaderID, where
// the key has that right: an identifier of its own, never used before. Nil where
// the key lacks the right; something else then has to be read.
type SettleTMAC struct {
	File     FileNo
	ReaderID *[16]byte
}

// SettleData is a part of a standard or backup file.
type SettleData struct {
	File           FileNo
	Offset, Length uint32
}

// SettleRecords are records, numbered as for ReadRecords.
type SettleRecords struct {
	File         FileNo
	First, Count uint32
}

// SettleSpare is a byte of a backup file.
type SettleSpare struct {
	File   FileNo
	Offset uint32
}

// SettleElsewhere is another application, or the card level, and a key of it
// that is not the key of the application.
type SettleElsewhere struct {
	Place Place
	Login SettleKey
}

// Fence is what a settlement excludes.
type Fence uint8

// Fences.
const (
	// FenceSelection excludes accidents: a real selection drops what is pending,
	// but its answer can be forged.
	FenceSelection Fence = iota + 1
	// FenceElsewhere excludes a relay as well: a session under another key of
	// another application proves that the selection was real.
	FenceElsewhere
	// FenceAbort excludes a relay as well: the card said with a MAC that it
	// dropped what was pending.
	FenceAbort
)

func (f Fence) String() string {
	names := [...]string{"none", "selection", "session elsewhere", "abort"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("Fence(%d)", uint8(f))
}

// RelayExcluded reports whether the fence holds against somebody who forges and
// holds back frames.
func (f Fence) RelayExcluded() bool { return f == FenceElsewhere || f == FenceAbort }

// Settlement is what the card holds once nothing is pending. It is the caller's.
type Settlement struct {
	Fence Fence
	// Protected: all that was read carried a MAC of the session. Never in D40,
	// where an answer may be another command's or from before, and not in EV2 where a
	// file is of mode plain.
	Protected bool

	Receipt *tmac.Receipt // of the last transaction, where there is TMAC
	EncTMRI *[16]byte     // its reader, enciphered, where CommitReaderID told it
	Value   *int32
	Slot    []byte
	Records []byte
}

// FenceError means that nothing was settled: what is pending may still happen.
type FenceError struct {
	Reason string
	Err    error // nil if nothing was sent
}

func (e *FenceError) Error() string {
	if e.Err == nil {
		return "desfire: nothing can be settled so: " + e.Reason
	}
	return fmt.Sprintf("desfire: not settled, what was pending may still happen: %s: %v", e.Reason, e.Err)
}

// Unwrap returns what went wrong on the way.
func (e *FenceError) Unwrap() error { return e.Err }

// Settle makes sure that no change of an earlier transaction is pending in an
// application, and reads what it holds then. It selects and authenticates
// itself, so that it is also the way on after a *BrokenError. It leaves a session
// in the application.
//
// A selection is a fence against accidents: the card drops what is pending. It
// is none against a relay, which keeps the command back and forges its answer:
// the changes then survive the next authentication, in EV2 and LRP sessions
// too, and anybody's commit makes them happen, our own next one included. So
// Settle puts something of its own into the transaction (CommitReaderID or a
// read where there is a transaction MAC file, else a debit of 0), and aborts.
// Only a success of AbortTransaction with a right MAC counts; everything else is
// a *FenceError. Settle may be repeated as often as one likes: it commits
// nothing.
//
// A D40 session binds no answer to its command. There only Elsewhere fences, and
// what is read then is not Protected. From EV2 on a card can have two
// applications selected at a time, so that Elsewhere must be the card level.
func (c *Card) Settle(ctx context.Context, conf *SettleConfig) (*Settlement, error) {
	if err := c.maySettle(conf); err != nil {
		return nil, err
	}
	s := new(Settlement)
	if e := conf.Elsewhere; e != nil && !conf.Accidents {
		if err := c.enter(ctx, e.Place, e.Login); err != nil {
			return nil, &FenceError{"the session elsewhere", err}
		}
		s.Fence = FenceElsewhere
	}
	if err := c.settle(ctx, conf, s); err != nil {
		return nil, err
	}
	return s, nil
}

// maySettle finds what cannot lead to a fence.
func (c *Card) maySettle(conf *SettleConfig) error {
	switch e := conf.Elsewhere; {
	case conf.Accidents:
	case conf.Login.Key == nil || e != nil && e.Login.Key == nil:
		return &FenceError{Reason: "without a session nothing that the card says is its own: give a key, or exclude accidents only (Accidents)"}
	case e != nil && e.Place == conf.Place:
		return &FenceError{Reason: "the other application is the same one"}
	case e != nil && sameKey(e.Login.Key, conf.Login.Key):
		return &FenceError{Reason: "the other application has the same key, so that a relay can stay where it is"}
	case e != nil && !e.Place.IsCard() && c.gen.Has(wire.FeatureDelegated):
		return &FenceError{Reason: "the card can have two applications selected at a time: only the card level fences"}
	case e != nil:
	case c.settleMethod(conf.Login).Scheme() == wire.SchemeD40:
		return &FenceError{Reason: "a D40 session binds no answer to its command: give a key of another application (Elsewhere), or exclude accidents only (Accidents)"}
	case conf.TMAC != nil && conf.TMAC.ReaderID == nil && conf.Value == nil && conf.Slot == nil && conf.Records == nil:
		return &FenceError{Reason: "without CommitReaderID something has to be read"}
	case conf.TMAC == nil && conf.Value == nil && conf.Spare == nil:
		return &FenceError{Reason: "without a transaction MAC file a value file or a spare byte is needed"}
	}
	return nil
}

func sameKey(a, b key.Key) bool { return a.Type() == b.Type() && a.CheckValue() == b.CheckValue() }

func (c *Card) settleMethod(l SettleKey) key.Method {
	if l.Method != nil {
		return *l.Method
	}
	return c.Strongest(l.Key.Type())
}

// enter selects and authenticates.
func (c *Card) enter(ctx context.Context, p Place, l SettleKey) error {
	if err := c.Select(ctx, p); err != nil {
		return err
	}
	if l.Key == nil {
		return nil
	}
	return c.AuthenticateWith(ctx, c.settleMethod(l), l.No, l.Key)
}

func (c *Card) settle(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	s.Protected = true
	stop, err := c.watch(func(x *Exchange) {
		reads := x.Command.Spec().Rule == wire.RuleRead
		if reads && x.Session != wire.SchemeEV1 && (x.Session == wire.SchemeNone || x.Session == wire.SchemeD40 || x.Mode == wire.CommPlain) {
			s.Protected = false
		}
	}, func() {})
	if err != nil {
		return err
	}
	defer stop()
	if err := c.begun(ctx, conf, s); err != nil {
		return err
	}
	if err := c.settleReads(ctx, conf, s); err != nil {
		return &FenceError{"reading", err}
	}
	switch {
	case s.Fence != 0:
		return nil
	case conf.Accidents:
		s.Fence = FenceSelection
		return nil
	case conf.TMAC != nil:
	case conf.Spare != nil:
		if err := c.WriteData(ctx, conf.Spare.File, conf.Spare.Offset, []byte{0}); err != nil {
			return &FenceError{"writing the spare byte", err}
		}
	default:
		if err := c.Debit(ctx, *conf.Value, 0); err != nil {
			return &FenceError{"the debit of 0", err}
		}
	}
	if err := c.Abort(ctx); err != nil {
		return &FenceError{"the card did not confirm that it dropped something", err}
	}
	if _, ok := c.Session(); !ok {
		return &FenceError{"the session is gone", errNoSession}
	}
	s.Fence = FenceAbort
	return nil
}

// begun opens the session, reads the receipt and names the reader. A card that
// refuses the name because the pending transaction has one has dropped that
// transaction: once more.
func (c *Card) begun(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	for again := false; ; again = true {
		if err := c.enter(ctx, conf.Place, conf.Login); err != nil {
			return &FenceError{"selection and authentication", err}
		}
		if conf.TMAC == nil {
			return nil
		}
		receipt, err := c.ReadReceipt(ctx, conf.TMAC.File)
		if err != nil {
			return &FenceError{"reading the transaction MAC file", err}
		}
		s.Receipt = &receipt
		if s.Fence != 0 || conf.Accidents || conf.TMAC.ReaderID == nil {
			return nil
		}
		s.EncTMRI, err = c.CommitReaderID(ctx, *conf.TMAC.ReaderID)
		if err == nil {
			return nil
		}
		if again || !errors.Is(err, wire.StatusPermissionDenied) {
			return &FenceError{"naming the reader", err}
		}
	}
}

func (c *Card) settleReads(ctx context.Context, conf *SettleConfig, s *Settlement) (err error) {
	if x := conf.Slot; x != nil {
		if s.Slot, err = c.ReadData(ctx, x.File, x.Offset, x.Length); err != nil {
			return err
		}
	}
	if x := conf.Records; x != nil {
		if s.Records, err = c.ReadRecords(ctx, x.File, x.First, x.Count); err != nil {
			return err
		}
	}
	if conf.Value != nil {
		v, err := c.Value(ctx, *conf.Value)
		if err != nil {
			return err
		}
		s.Value = &v
	}
	return nil
}

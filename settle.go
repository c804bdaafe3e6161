package desfire

import (
	"context"
	"fmt"
	"slices"

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
	// Values are more value files, which are only read.
	Values []FileNo
	// Slot is data that is read; a transaction's own mark, for example.
	Slot *SettleData
	// Records are read as ReadRecords does.
	Records *SettleRecords
	// CardUID asks for the card's real identifier, which a transaction MAC counts.
	// Not possible in a D40 session.
	CardUID bool
	// Spare is one byte of a backup file that nothing uses. It is written instead
	// of the debit of 0, which a card may refuse; and after reads in an application
	// with TMAC and no ReaderID, where a card may not take reads for a transaction.
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
// no key at hand has the right; something else then has to be read.
type SettleTMAC struct {
	File     FileNo
	ReaderID *[16]byte
	// Reader is the key with that right where it is not Login's: two exchanges more. It
	// opens the session, of EV2 or LRP, by its Method, and Login goes on from it by
	// NonFirst. ReaderReads: it reads File, since Login may not.
	Reader      *SettleKey
	ReaderReads bool
}

// named reports whether the fence is the name of a reader.
func (conf *SettleConfig) named() bool {
	return conf.TMAC != nil && conf.TMAC.ReaderID != nil && !conf.Accidents && conf.Elsewhere == nil
}

// reader is the key of the transaction MAC file that is not Login's; nil if there is none.
func (conf *SettleConfig) reader() *SettleKey {
	if conf.TMAC != nil && conf.TMAC.Reader != nil && conf.TMAC.Reader.No != conf.Login.No {
		return conf.TMAC.Reader
	}
	return nil
}

// SettleData is a part of a standard or backup file.
type SettleData struct {
	File           FileNo
	Offset, Length uint32
}

// SettleRecords are records, numbered as for ReadRecords. With Number the card
// is asked first how many there are, in an exchange more, and only those are
// read: an empty file, or one that holds fewer, is then no refusal.
type SettleRecords struct {
	File         FileNo
	First, Count uint32
	Number       bool
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
	Values  []int32 // in the order of SettleConfig.Values
	Slot    []byte
	Records []byte
	Number  *uint32 // of records in their file, where SettleRecords.Number asked
	UID     []byte  // the card's real one, where SettleConfig.CardUID asked
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
// a *FenceError, with which comes what had been read by then: it tells what
// happened, and never what did not. Settle may be repeated as often as one likes: it commits
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
		s.Fence = 0
		return s, err
	}
	return s, nil
}

// maySettle finds what cannot lead to a fence.
func (c *Card) maySettle(conf *SettleConfig) error {
	switch e := conf.Elsewhere; {
	case conf.CardUID && (conf.Login.Key == nil || c.settleMethod(conf.Login).Scheme() == wire.SchemeD40):
		return &FenceError{Reason: "the card tells its real identifier only in an EV1, EV2 or LRP session (CardUID)"}
	case conf.reader() != nil && c.mayGoOn(conf) != "":
		return &FenceError{Reason: c.mayGoOn(conf)}
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
	case conf.reader() != nil && conf.named():
	case c.settleMethod(conf.Login).Scheme() == wire.SchemeD40:
		return &FenceError{Reason: "a D40 session binds no answer to its command: give a key of another application (Elsewhere), or exclude accidents only (Accidents)"}
	case conf.TMAC != nil && conf.TMAC.ReaderID == nil && !conf.reads() && conf.Spare == nil:
		return &FenceError{Reason: "without CommitReaderID something has to be read"}
	case conf.TMAC == nil && conf.Value == nil && conf.Spare == nil:
		return &FenceError{Reason: "without a transaction MAC file a value file or a spare byte is needed"}
	}
	return nil
}

// mayGoOn says what keeps Login from going on from the session of the reader's key;
// empty if nothing does.
func (c *Card) mayGoOn(conf *SettleConfig) string {
	r := conf.reader()
	if r.Key == nil || conf.Login.Key == nil {
		return "of two keys that take turns in a session one is missing"
	}
	if m := c.settleMethod(*r); m != key.MethodEV2First && m != key.MethodLRPFirst {
		return "only in an EV2 or LRP session two keys can take turns"
	}
	return ""
}

func sameKey(a, b key.Key) bool { return a.Type() == b.Type() && a.CheckValue() == b.CheckValue() }

func (c *Card) settleMethod(l SettleKey) key.Method {
	if l.Method != nil {
		return *l.Method
	}
	return c.Strongest(l.Key.Type())
}

// reads reports whether a file is read that surely counts for a transaction MAC.
func (conf *SettleConfig) reads() bool {
	records := conf.Records != nil && !conf.Records.Number // those may be none
	return conf.Value != nil || len(conf.Values) > 0 || conf.Slot != nil || records
}

// files are those that are read, but for the transaction MAC file.
func (conf *SettleConfig) files() (all []FileNo) {
	if conf.Value != nil {
		all = append(all, *conf.Value)
	}
	all = append(all, conf.Values...)
	if conf.Slot != nil {
		all = append(all, conf.Slot.File)
	}
	if conf.Records != nil {
		all = append(all, conf.Records.File)
	}
	if conf.sparing() {
		all = append(all, conf.Spare.File)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sparing reports whether the spare byte is written.
func (conf *SettleConfig) sparing() bool {
	return conf.Spare != nil && !conf.named() && !conf.Accidents && conf.Elsewhere == nil
}

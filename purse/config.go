package purse

import (
	"context"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Config says which value files of which application a purse moves, and what
// proves it. All settings of files are stated here, by who made the cards: a
// purse asks no card for them. See Discover.
type Config struct {
	Place      wire.Place
	Generation wire.Generation // of the cards, the oldest that is accepted

	Values []File  // value files; the first is that of Debit, Credit and LimitedCredit
	TMAC   *TMAC   // the transaction MAC file
	Slot   *Slot   // a part of a backup file that is this terminal's
	Record *Record // a record file to which each change adds a record

	// Keys has the key of the application by number, and, where the terminal may
	// have it, the transaction MAC key by its role.
	Keys keystore.Store
	// KeyNo is the key that moves the values, writes receipts and, but for TMAC.Reader, names the
	// reader. NoKey: there is none, the files are free.
	KeyNo wire.KeyNo
	NoKey bool
	// Method is how it authenticates; nil is the strongest that Generation allows.
	Method *key.Method
	// Diversified: keys are derived from UID and AID, so that a session proves
	// which card it is. Else the UID is asked for in each new session.
	Diversified bool

	Policy Policy // Hostile if empty
	// Others are what holders of keys that are not this purse can do to the values.
	Others Others
	// Lease proves that nobody else moves the values; needed with Others Exclusive
	// where others have keys. Nil: nobody else has them.
	Lease Lease
	// BeginFence: every terminal makes sure that nothing of others is pending
	// before it begins. Needed for records, and with a Lease, where no transaction MAC
	// file names the reader.
	BeginFence bool
	// Elsewhere is a key of the card level or of another application. It fences D40
	// and EV1 cards.
	Elsewhere *Elsewhere

	Journal  Journal
	Terminal string // a name of this terminal, for people

	// BeforeCommit may add commands to each transaction, CommitReaderID with a name
	// that all transactions share for example; only without TMAC and with policy Accidents. It may be nil.
	BeforeCommit func(ctx context.Context, card *desfire.Card) error

	// CommitAlong: over a transport that carries scripts (desfire.Script) the commit leaves with
	// the movements also where their answers are evidence. That saves a round trip; if all answers of
	// that script are lost, a receipt alone may leave a change in doubt that it would
	// decide otherwise.
	CommitAlong bool

	Now func() time.Time // nil: time.Now
}

// File is a file and its settings.
type File struct {
	No       wire.FileNo
	Settings wire.FileSettings
}

// TMAC is a transaction MAC file.
type TMAC struct {
	File
	// NamesReader: each transaction names its ID with CommitReaderID, which the key has
	// the right to.
	NamesReader bool
	// Reader is the key with that right where it is not KeyNo, which goes on from its
	// session: two exchanges more in a new session, four in one that goes on. Only in EV2 and LRP
	// sessions. Nil: KeyNo.
	Reader *wire.KeyNo
}

// reader is the key that names the reader and is not KeyNo; nil if there is none.
func (c *Config) reader() *wire.KeyNo {
	if t := c.TMAC; t != nil && t.NamesReader && t.Reader != nil && *t.Reader != c.KeyNo {
		return t.Reader
	}
	return nil
}

// receiptKey is the key that reads the transaction MAC file.
func (c *Config) receiptKey() wire.KeyNo {
	no := c.reader()
	if no == nil {
		return c.KeyNo
	}
	if g, ok := inspect.RightsOf(&c.TMAC.Settings).Of(inspect.ActRead); ok && g.Allows(c.KeyNo) {
		return c.KeyNo
	}
	return *no
}

// Slot is a part of a backup file: Size bytes at Number times Size. Each terminal has
// a number of its own.
type Slot struct {
	File
	Number int
	Size   int // 16 or 8; 0 is 16
	// Spare is the offset of a byte that nothing uses, which a fence may write
	// where the card refuses a debit of 0; nil if there is none.
	Spare *uint32
}

func (s *Slot) size() int {
	if s.Size == 0 {
		return len(ID{})
	}
	return s.Size
}

func (s *Slot) offset() uint32 { return uint32(s.Number * s.size()) }

// Record is a record file. A record is an ID, the signed amount of the first
// movement and a number that is counted up per card, 4 bytes little-endian each.
type Record struct {
	File
	// Newest is how many records a settlement reads at most; 0 is all.
	Newest int
}

// Elsewhere is a key in another place on the card.
type Elsewhere struct {
	Place  wire.Place
	KeyNo  wire.KeyNo
	Method *key.Method
}

// Others are what others can do to the values.
type Others string

// What others can do.
const (
	OthersAny     Others = ""          // credit and debit
	OthersDebit   Others = "debit"     // debit only: no key with another right is in use elsewhere
	OthersNothing Others = "exclusive" // nothing
)

// Lease tells under which lease of a card this terminal works.
type Lease interface {
	// Epoch names the lease that is held for a card since it was taken without a
	// break; false if none is held.
	Epoch(uid []byte) (epoch string, held bool)
}

// value is one of the value files.
func (c *Config) value(no wire.FileNo) *File {
	for i := range c.Values {
		if c.Values[i].No == no {
			return &c.Values[i]
		}
	}
	return nil
}

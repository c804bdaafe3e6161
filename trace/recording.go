package trace

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Framings of a recording, as its file names them.
const (
	Native = "native" // INS and data; the status comes first in the answer
	ISO    = "iso"    // 90 INS 00 00 Lc data 00; the status word comes last
)

// Recording is one session with a card.
type Recording struct {
	ID        string
	Source    string // where it comes from
	Card      Card
	Framing   string // Native or ISO: of exchanges that do not say it themselves
	Keys      []Key  // keys that came with the recording
	RndA      [][]byte
	Exchanges []Exchange
	Notes     string

	Format Format // how it was written, as Parse found

	// Skipped are lines of a log that looked like traffic and were not taken.
	// No file that is written has them.
	Skipped []Skipped

	// Verified tells that another program checked the session, and what of it.
	Verified     bool
	VerifiedWhat []string
}

// Card is what a recording says of its card.
type Card struct {
	Generation string
	GetVersion string // three frames in hexadecimal
	Note       string
	Reader     string
	ATR        []byte
}

// Exchange is one command frame and the answer to it.
type Exchange struct {
	Command  []byte
	Response []byte // empty if none came
	Framing  string // Native or ISO; empty: that of the recording

	At     int64  // microseconds since the first exchange, or 0
	Took   int64  // microseconds until the answer, or 0
	Reset  bool   // the card was activated anew before this exchange
	Failed string // what the transport said instead of an answer

	// What was cut out of the frames, since it would tell a key.
	CutCommand, CutResponse Span

	Preset    *Preset // session keys to take over before this exchange
	Computed  string  // not empty: a part was filled in by calculation, and why
	Corrected string  // not empty: a misprint was repaired, and which
}

// framing tells how the command of e travels. What the bytes say counts more
// than what the recording says: no native command starts with 90, 00 or FF.
func (e *Exchange) framing(recording string) wire.Framing {
	declared := e.Framing
	if declared == "" {
		declared = recording
	}
	if len(e.Command) >= 4 && (e.Command[0] == 0x90 || e.Command[0] == 0x00 || !headerCut(e) && isAPDU(e.Command, e.Response, declared)) {
		return wire.FramingWrapped
	}
	return wire.FramingNative
}

// classReader is the class of commands for the reader itself (PC/SC part 3).
const classReader = 0xFF

// Key is a key that came with a recording.
type Key struct {
	App   *[3]byte // the application, as on the wire; nil: any
	No    int      // -1: any
	Value *key.Secret
	Note  string
}

func (k Key) String() string {
	app, no := "any application", "any number"
	if k.App != nil {
		app = fmt.Sprintf("application %02X%02X%02X", k.App[2], k.App[1], k.App[0])
	}
	if k.No >= 0 {
		no = fmt.Sprintf("number %d", k.No)
	}
	return fmt.Sprintf("%s, %s, %v", app, no, k.Value)
}

// ParseKey reads a key as key.Parse does, with or without the place it is for:
//
//	aes:0011..FF             a key for any application and number
//	1=aes:00..               key 1 of any application
//	123456:1=aes:00..        key 1 of application 123456; 000000 is the card
//	123456=aes:00..          any key of application 123456
//
// Errors never show digits of the key.
func ParseKey(spec string) (Key, error) {
	k := Key{No: -1}
	place, value, ok := strings.Cut(spec, "=")
	if !ok {
		place, value = "", spec
	}
	place = strings.TrimSpace(place)
	if place != "" {
		app, no, both := strings.Cut(place, ":")
		if !both && len(place) < 6 && place != "app" {
			app, no = "", place
		}
		if app != "" && app != "*" && app != "app" { // "app" is the only one that a card has
			aid, err := wire.ParseAID(app)
			if err != nil {
				return Key{}, errors.New("key: before the = stands the place: want AID:NUMBER with six hexadecimal digits, NUMBER or AID")
			}
			w := aid.Wire()
			k.App = &w
		}
		if no != "" && no != "*" {
			digits, base := no, 10
			if rest, ok := strings.CutPrefix(no, "0x"); ok {
				digits, base = rest, 16
			}
			n, err := strconv.ParseUint(digits, base, 8)
			if err != nil || base == 10 && len(no) > 1 && no[0] == '0' { // 010 is 8 for some and 10 for others
				return Key{}, errors.New("key: the key number before the = must be 0 to 255, without a zero in front")
			}
			k.No = int(n)
		}
	}
	var err error
	k.Value, err = key.Parse(value)
	return k, err
}

// Preset is a session whose authentication is not in the recording: published
// session keys. It prints as its kind only.
type Preset struct {
	Kind    string // "d40", "ev1", "ev2", "lrp"
	Alg     string // D40 and EV1: DES, 2K3DES, 3K3DES, AES
	Key     []byte // D40 and EV1: session key; LRP: session master key
	IV      []byte // EV1: running value
	Enc     []byte // EV2
	MAC     []byte // EV2
	TI      []byte // EV2 and LRP
	Counter uint16 // EV2 and LRP
	EncCtr  uint32 // LRP
	KeyNo   int    // the key that was authenticated; -1 unknown
}

func (p *Preset) String() string { return p.Kind + " session keys" }

// Format prints String whatever the verb.
func (p *Preset) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

// clone is a copy that shares nothing but what its keys are.
func (r *Recording) clone() *Recording {
	c := *r
	c.Card.ATR = slices.Clone(r.Card.ATR)
	c.Keys, c.VerifiedWhat = slices.Clone(r.Keys), slices.Clone(r.VerifiedWhat)
	c.RndA, c.Skipped = slices.Clone(r.RndA), slices.Clone(r.Skipped)
	for i, b := range c.RndA {
		c.RndA[i] = slices.Clone(b)
	}
	c.Exchanges = slices.Clone(r.Exchanges)
	for i := range c.Exchanges {
		c.Exchanges[i] = c.Exchanges[i].clone()
	}
	return &c
}

func (e *Exchange) clone() Exchange {
	c := *e
	c.Command, c.Response = slices.Clone(e.Command), slices.Clone(e.Response)
	if e.Preset != nil {
		p := *e.Preset
		p.Enc, p.MAC, p.TI = slices.Clone(p.Enc), slices.Clone(p.MAC), slices.Clone(p.TI)
		c.Preset = &p
	}
	return c
}

// Redacted returns a copy without keys, randoms and session keys, and cut as
// Cut does. It shares nothing with r.
func (r *Recording) Redacted() *Recording {
	c := r.Cut()
	c.Keys, c.RndA = nil, nil
	for i := range c.Exchanges {
		c.Exchanges[i].Preset = nil
	}
	return c
}

// ErrEmpty says that a recording has no exchanges.
var ErrEmpty = errors.New("there is no exchange in it")

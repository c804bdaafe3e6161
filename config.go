package desfire

import (
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// The handful of names that every program needs. Everything else of the
// vocabulary is in package wire.
type (
	AID        = wire.AID
	FileNo     = wire.FileNo
	KeyNo      = wire.KeyNo
	Status     = wire.Status
	Generation = wire.Generation
)

// Config adjusts how a Card works. The zero value, and nil, are sensible.
type Config struct {
	// Framing of native commands. FramingAuto: what the transport wants, else
	// wrapped, and native for a card that does not understand wrapped ones.
	Framing Framing

	// ExchangeTimeout bounds one exchange. 0 means 5 s, and 30 s for FormatPICC
	// and DeleteApplication, where the context has no deadline.
	ExchangeTimeout time.Duration

	// Reader names where the card lies, for Card.Reader and Paths. Cards, Serve
	// and Keep set it.
	Reader string

	// Generation, when set, spares Connect the three exchanges of GetVersion.
	Generation Generation

	// MaxCommand is the size of a whole command frame in bytes. 0 means what
	// the transport says, else 60, which every card takes.
	MaxCommand int

	// Paths remembers how data commands travel best; nil: each card, or each
	// call of Cards, Serve and Keep, finds out for itself.
	Paths *Paths

	// Weakest is the weakest method of authentication that is accepted. A card
	// says itself of which generation it is, and nothing proves that: one that
	// poses as D40 or EV1 gets an authentication by Authenticate, AuthenticateISO
	// or AuthenticateAES, whose sessions protect less. The zero value,
	// key.MethodD40, permits that; whoever issues EV2 cards with AES keys sets
	// key.MethodEV2First. The order is D40, ISO, AES, EV2, LRP; ISO 7816 counts
	// as ISO, with an AES key as AES.
	Weakest key.Method

	// RequireProtected makes it an error (*ProtectionError) to trust settings of
	// a file that nothing protects and that let data travel less than
	// enciphered: in D40 sessions. By default Exchange.Unprotected tells.
	RequireProtected bool

	// Unguarded is for programs that test cards: it believes refusals as an
	// honest card means them, and lets the caller send what the guards would not:
	// plain commands after a lost session, secrets in clear, changes after a
	// refusal (SessionLostError, ProtectionError, BrokenError).
	Unguarded bool

	// Rand is where the reader's randoms come from; nil means crypto/rand. Keys
	// that are key.Handshakers have randoms of their own.
	Rand io.Reader

	// Observe is called after each command with what went over the air, secure
	// messaging and key bytes removed: authentications too, frame by frame and
	// without their data. It must not use the card.
	Observe func(*Exchange)

	// Logger gets notices; nil is silent.
	Logger *slog.Logger
}

const (
	defaultTimeout = 5 * time.Second
	slowTimeout    = 30 * time.Second
)

// Exchange is one command and its answer as Observe sees them. It and what it
// refers to are valid during the call only.
type Exchange struct {
	Command  wire.Command
	Response wire.Message  // decoded answer; nil after an error
	Status   Status        // 0 if none came
	Mode     wire.CommMode // protection of the side that carries the data
	Session  wire.Scheme
	Frames   int // frames the card answered
	Took     time.Duration
	Err      error

	// Unprotected: the session would have enciphered or MACed more, had the
	// settings of the file said so, and nothing protected them (D40).
	Unprotected bool

	card  *Card
	again bool // the command went out twice, since the first was answered COMMAND_ABORTED
}

func (c *Card) random() io.Reader {
	if c.conf.Rand != nil {
		return c.conf.Rand
	}
	return rand.Reader
}

// sharing is a copy for several cards, which share what they find out.
func (conf *Config) sharing() *Config {
	shared := new(Config)
	if conf != nil {
		*shared = *conf
	}
	if shared.Paths == nil {
		shared.Paths = new(Paths)
	}
	return shared
}

package play

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// demo is the application of most stories.
const demo wire.AID = 0xF48121

// stage is where a story is performed: a card, a relay, a recorder and a reader.
type stage struct {
	seed  [32]byte
	relay *sim.Relay
	picc  *sim.Card
	air   *sim.Air
	rec   *trace.Recorder
	card  *desfire.Card
	keys  []trace.Key
	lines []Line
	scene Scene
	asks  bool // each card that is put on the reader is asked who it is
}

func newStage(seed [32]byte) *stage {
	return &stage{seed: seed, relay: &sim.Relay{}, rec: trace.NewRecorder(&trace.RecorderConfig{ID: "story", NoTimes: true})}
}

// random is a source of random numbers that is the same in each performance of a run.
func (st *stage) random(part string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(st.seed[:], part...)))
}

// key is a key of this run, of which nobody ever heard.
func (st *stage) key(t key.Type, name string, version byte) *key.Secret {
	b := make([]byte, t.Size())
	_, _ = st.random("key " + name).Read(b)
	k, err := key.New(t, b, version)
	if err != nil {
		panic(err) // the length is the type's
	}
	st.knowKey(k, name)
	return k
}

// knowKey lets the page open what was protected with a key, and name it.
func (st *stage) knowKey(k *key.Secret, name string) {
	st.keys = append(st.keys, trace.Key{No: -1, Value: k, Note: name})
}

// make is a fresh card, set up by a reader of its own that nobody watches.
func (st *stage) make(ctx context.Context, g wire.Generation, name string, setUp func(*desfire.Card) error) (*sim.Card, error) {
	picc, err := sim.New(&sim.Config{Generation: g, Rand: st.random("card " + name)})
	if err != nil {
		return nil, err
	}
	card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Rand: st.random("issuer " + name)})
	if err != nil {
		return nil, err
	}
	if err := setUp(card); err != nil {
		return nil, fmt.Errorf("the card cannot be set up: %w", err)
	}
	picc.Lift()
	return picc, nil
}

// put puts a card on the reader, and connects to it.
func (st *stage) put(ctx context.Context, picc *sim.Card) error {
	st.picc = picc
	st.air = st.relay.Present(picc)
	st.scene.Spot = SpotOnReader
	return st.connect(ctx, st.air)
}

// connect begins anew with a transport.
func (st *stage) connect(ctx context.Context, t desfire.Transport) (err error) {
	reader := st.random(fmt.Sprintf("reader %d", st.relay.Exchanges()))
	conf := &desfire.Config{Rand: reader, Observe: st.observe}
	if !st.asks {
		conf.Generation = st.picc.Generation()
	}
	st.card, err = desfire.Connect(ctx, st.rec.Wrap(t), conf)
	return err
}

// lift takes the card away: by hand, or after it lost its power.
func (st *stage) lift(how Spot) {
	st.picc.Lift()
	st.scene.Spot = how
}

// say adds a line to what the program says.
func (st *stage) say(format string, a ...any) { st.line(ToneNotice, format, a...) }

func (st *stage) line(t Tone, format string, a ...any) {
	st.lines = append(st.lines, Line{At: time.Now(), Text: visible.Text(fmt.Sprintf(format, a...)), Tone: t})
}

// observe says what the reader says of a command.
func (st *stage) observe(e *desfire.Exchange) {
	name := e.Command.Spec().Name
	switch {
	case e.Err == nil:
		st.say("%s: %s", name, short(e.Status))
	case desfire.Refusal(e.Err) != nil:
		st.line(ToneRefused, "%s: %s", name, named(e.Status))
	case errors.As(e.Err, new(*desfire.TransportError)):
		st.line(ToneRefused, "%s: no answer", name)
	default:
		st.line(ToneRefused, "%s: an answer that cannot be trusted", name)
	}
}

// fails says an error, and what it means.
func (st *stage) fails(err error) {
	tone := ToneRefused
	if errors.As(err, new(*desfire.OutcomeUnknownError)) {
		tone = ToneUnknown
	}
	for l := range strings.Lines(strings.ReplaceAll(err.Error(), "desfire: ", "")) {
		st.line(tone, "%s", strings.TrimRight(l, "\n"))
	}
}

// perform runs an act, and adds what can be seen from outside.
func (st *stage) perform(ctx context.Context, a act, no int) (*Step, error) {
	first := len(st.rec.Recording().Exchanges)
	st.lines = nil
	st.scene.Words = ""
	t, err := a.run(ctx)
	if err != nil {
		return nil, err
	}
	xs := st.rec.Recording().Exchanges
	s := &Step{No: no, Title: a.title, Prose: t.prose, First: first, Last: len(xs) - 1, Look: -1,
		Holds: t.holds, Knows: t.knows, Says: st.lines, Scene: st.scene}
	if s.Holds.Who == "" {
		s.Holds.Who = "card"
	}
	if s.Knows.Who == "" {
		s.Knows.Who = "reader"
	}
	if t.title != "" {
		s.Title = t.title
	}
	for i := first; i < len(xs); i++ {
		if t.look == 0 || insOf(xs[i].Command) == t.look {
			s.Look = i
		}
	}
	if s.Look < 0 && first < len(xs) {
		return nil, fmt.Errorf("none of the exchanges is of INS %02X", t.look)
	}
	if s.Scene.Words == "" {
		s.Scene.Words = "The card is " + st.scene.Spot.String() + "."
		if st.scene.Spot == SpotOnReader {
			s.Scene.Words = "The card lies on the reader."
		}
		if st.scene.Relay {
			s.Scene.Words += " A relay stands between them."
		}
	}
	return s, nil
}

// insOf is the command of a frame.
func insOf(frame []byte) byte {
	f, _ := wire.ParseCommand(frame)
	return f.INS
}

// expect is an error where something that has to fail did not, or not as it has to.
func expect[E error](err error) (e E, _ error) {
	if errors.As(err, &e) {
		return e, nil
	}
	if err == nil {
		return e, fmt.Errorf("it did not fail with %T", e)
	}
	return e, err
}

// the rest reads what is in a card

func (st *stage) file(aid wire.AID, no int) *sim.ImageFile {
	for _, a := range st.picc.Image().Applications {
		for _, f := range a.Files {
			if a.AID == aid && f.No == no {
				return &f
			}
		}
	}
	return &sim.ImageFile{}
}

// value is what a value file of the card holds.
func (st *stage) value(no int) int32 {
	if v := st.file(demo, no).Value; v != nil {
		return v.Value
	}
	return 0
}

// imageKey is a key of the demo application as the card has it, without its bytes.
func (st *stage) imageKey(no int) sim.ImageKey {
	for _, k := range st.picc.Image().WithoutKeys().Keys {
		if k.Application == demo && k.No == no && k.Set == 0 && !k.TMAC {
			return k
		}
	}
	return sim.ImageKey{}
}

// session is what the card thinks of the session, in words.
func (st *stage) session() string {
	t := st.picc.Truth()
	if t.Scheme == 0 {
		return "no session"
	}
	return fmt.Sprintf("session of key %d", t.KeyNo)
}

// believed is what the reader thinks of it.
func (st *stage) believed() string {
	s, ok := st.card.Session()
	if !ok {
		return "no session"
	}
	return fmt.Sprintf("session of key %d", s.KeyNo)
}

// modeOf is the way in which the content of a file travels.
func modeOf(f *sim.ImageFile) string {
	if f.Comm == "mac" {
		return "MAC"
	}
	return f.Comm
}

func digits(b []byte) string { return strings.ToUpper(fmt.Sprintf("%x", b)) }

// shown is content of a card as text in quotes, that obeys nobody.
func shown(b []byte) string {
	return "“" + visible.Text(strings.TrimRight(string(b), "\x00")) + "”"
}

// commandData is what a command carries behind INS.
func commandData(frame []byte) []byte {
	f, _ := wire.ParseCommand(frame)
	return f.Data
}

// responseData is an answer frame without its status.
func responseData(frame []byte) []byte { return frame[:max(0, len(frame)-2)] }

// statusOf is the status of an answer frame in wrapped framing.
func statusOf(frame []byte) wire.Status {
	if len(frame) < 2 {
		return 0
	}
	return wire.Status(uint16(frame[len(frame)-2])<<8 | uint16(frame[len(frame)-1]))
}

// named is a status as its name and number: "AUTHENTICATION_ERROR, 91AE".
func named(s wire.Status) string { return fmt.Sprintf("%s, %04X", short(s), uint16(s)) }

// short is the name of a status.
func short(s wire.Status) string {
	name, _, _ := strings.Cut(s.String(), " (")
	return name
}

// capital is a text that begins a sentence.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// protectedAs says how messages of a session are protected.
func protectedAs(s wire.Scheme) string {
	return fmt.Sprintf("Messages are protected in the way of %s.", strings.ToUpper(s.String()))
}

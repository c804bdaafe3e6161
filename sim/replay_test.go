package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Card replay: the card, set up with a session's keys and its random numbers
// forced, answers recorded requests byte for byte as the recorded card did.

// session of testdata/traces.
type traceFile struct {
	ID        string
	Card      struct{ Generation, Get_version string }
	Framing   string
	Keys      []traceKey
	Exchanges []traceExchange
}

type traceKey struct {
	App, Alg, Key string
	No            *int
}

type traceExchange struct {
	C, R     string
	Framing  string
	Computed any
	Preset   *struct {
		Kind, Enc, Mac, Key, Ti string
		Ctr                     uint16
		Enc_ctr                 uint32
	}
}

func readTrace(t testing.TB, id string) *traceFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "traces", id+".json"))
	if err != nil {
		t.Fatal(err)
	}
	f := new(traceFile)
	if err := json.Unmarshal(b, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// forced is randomness that is known before.
type forced struct{ next []byte }

func (r *forced) Read(b []byte) (int, error) {
	if len(r.next) == 0 {
		return 0, errors.New("no random number was foreseen")
	}
	n := copy(b, r.next)
	r.next = r.next[n:]
	return n, nil
}

// replay is one recording and what its card was like before.
type replay struct {
	id         string
	generation wire.Generation
	size       int
	// setUp changes the factory's card.
	setUp func(t *testing.T, c *Card)
	// selected is the application, as on the wire, where the recording begins.
	selected string
	// before are commands that the recording lacks at its beginning.
	before string
	// hardware is the first block of GetVersion, where it is not recorded.
	hardware string
	uid      string
	// stop is how many exchanges are replayed; 0 is all of them.
	stop int
	// why the rest is not.
	why string
}

func TestCardReplay(t *testing.T) {
	covered := map[string]bool{}
	for _, r := range replays {
		covered[r.id] = true
		t.Run(r.id, func(t *testing.T) { r.run(t) })
	}
	// What cannot be replayed, and why, stands beside the recordings.
	var exceptions struct {
		Card, Partly map[string]string
	}
	list, err := os.ReadFile(filepath.Join("..", "testdata", "replays.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(list, &exceptions); err != nil {
		t.Fatal(err)
	}
	for id := range exceptions.Card {
		if covered[id] {
			t.Errorf("%s is replayed, and listed as not", id)
		}
		covered[id] = true
	}
	for _, r := range replays {
		if partly := exceptions.Partly[r.id] != ""; partly != (r.stop > 0) {
			t.Errorf("%s is replayed in part: %v, listed as such: %v", r.id, r.stop > 0, partly)
		}
	}
	files, err := filepath.Glob(filepath.Join("..", "testdata", "traces", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, f := range files {
		if id := strings.TrimSuffix(filepath.Base(f), ".json"); !covered[id] {
			t.Errorf("%s is neither replayed nor listed with the reason", id)
		}
	}
}

func (r *replay) run(t *testing.T) {
	f := readTrace(t, r.id)
	random := new(forced)
	cfg := &Config{Generation: r.generation, Storage: r.size, Rand: random, UID: unhex(t, "04000000000080")}
	if r.uid != "" {
		cfg.UID = unhex(t, r.uid)
	}
	if r.hardware != "" {
		cfg.Hardware = unhex(t, r.hardware)
	}
	for i, x := range f.Exchanges {
		if (strings.HasPrefix(x.C, "90600000") || x.C == "60") && i+2 < len(f.Exchanges) && strings.Contains(f.Exchanges[i+2].C, "af") {
			data := func(i int) []byte {
				framing := wire.FramingWrapped
				if x.C == "60" {
					framing = wire.FramingNative
				}
				b, _, _ := wire.ParseAnswer(framing, unhex(t, f.Exchanges[i].R), false)
				return b
			}
			cfg.Hardware, cfg.Software = data(i), data(i+1)
			cfg.UID, cfg.Production = data(i + 2)[:7], data(i + 2)[7:14]
		}
		if strings.HasPrefix(x.C, "903c") {
			cfg.Signature = unhex(t, x.R)[:56]
		}
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.setUp != nil {
		r.setUp(t, c)
	}
	a := c.Present()
	switch {
	case r.selected != "":
		script(t, a, "5a"+r.selected+" < 00")
	case c.nvm.fixed():
		c.v.aid = c.nvm.apps[0].aid // the recording begins inside the application
	}
	script(t, a, r.before)
	for i, x := range f.Exchanges {
		if r.stop > 0 && i == r.stop {
			break
		}
		cmd, want := unhex(t, x.C), unhex(t, x.R)
		if x.Preset != nil {
			preset(t, c, x)
		}
		foresee(t, c, random, f, i)
		got, err := a.Transmit(context.Background(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			if x.Computed != nil {
				t.Logf("exchange %d: the recording's answer was computed: %x, we answer %x", i, want, got)
				continue
			}
			t.Fatalf("exchange %d\n      %x\n got  %x\n want %x", i, cmd, got, want)
		}
	}
	if len(random.next) > 0 {
		t.Errorf("%d random bytes are left", len(random.next))
	}
}

// foresee finds the random numbers that the recorded card drew: its challenge
// under the key that our card holds, and the transaction identifier in the
// answer to the next frame.
func foresee(t *testing.T, c *Card, random *forced, f *traceFile, i int) {
	x := f.Exchanges[i]
	framing := wire.FramingWrapped
	if f.Framing == "native" && x.Framing == "" || x.Framing == "native" {
		framing = wire.FramingNative
	}
	cmd, st := wire.ParseCommand(unhex(t, x.C))
	if st != wire.StatusOK || cmd.Framing != framing || len(cmd.Data) == 0 {
		return
	}
	challenge, status, _ := wire.ParseAnswer(framing, unhex(t, x.R), false)
	if status != wire.StatusAdditionalFrame {
		return
	}
	switch cmd.INS {
	case 0x0A, 0x1A, 0xAA, 0x71, 0x77:
	default:
		return
	}
	c.call.app = c.selected()
	k := findKey(c.levelKeys(), wire.KeyNo(cmd.Data[0]))
	if k == nil {
		t.Fatalf("exchange %d: the card has no key %d", i, cmd.Data[0])
	}
	secret, err := k.secret()
	if err != nil {
		t.Fatal(err)
	}
	if len(challenge) == 17 { // LRP: the random is in clear
		random.next = challenge[1:]
		if cmd.INS == 0x71 {
			random.next = append(random.next, f.lrpIdentifier(t, secret, i)...)
		}
		return
	}
	decipher := func(b []byte) []byte {
		out := make([]byte, len(b))
		if err := secret.DecryptCBC(context.Background(), nil, out, b); err != nil {
			t.Fatal(err)
		}
		return out
	}
	random.next = decipher(challenge)
	if cmd.INS == 0x71 {
		proof, _, _ := wire.ParseAnswer(framing, unhex(t, f.Exchanges[i+1].R), false)
		random.next = append(random.next, decipher(proof)[:4]...)
	}
}

// lrpIdentifier is the transaction identifier in the answer that follows
// exchange i.
func (f *traceFile) lrpIdentifier(t *testing.T, secret *key.Secret, i int) []byte {
	t.Helper()
	data := func(s string) []byte {
		b, _, _ := wire.ParseAnswer(wire.FramingWrapped, unhex(t, s), false)
		return b
	}
	token, _ := wire.ParseCommand(unhex(t, f.Exchanges[i+1].C))
	r, err := securemsg.Recover(t.Context(), securemsg.Recorded{
		Method: key.MethodLRPFirst, Key: secret,
		Challenge: data(f.Exchanges[i].R), Token: token.Data, Proof: data(f.Exchanges[i+1].R),
	})
	if err != nil || !r.CardProof {
		t.Fatal(r, err)
	}
	ti := r.Session(securemsg.PICC).TI
	return ti[:]
}

// keyOf is a key as the card keeps it.
func keyOf(t *testing.T, no wire.KeyNo, typ wire.KeyType, digits string, version byte) cardKey {
	b := unhex(t, digits)
	if len(b) == 8 {
		b = append(b, b...)
	}
	return cardKey{no: no, typ: typ, value: b, version: version}
}

// piccKey sets the PICC master key.
func piccKey(typ wire.KeyType, digits string, version byte) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) { c.nvm.keys[0] = keyOf(t, 0, typ, digits, version) }
}

// oneApp adds an application with n keys of zeros but the given one, and
// selects nothing.
func oneApp(aid string, typ wire.KeyType, n int, key cardKey, files ...*file) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) { addApp(t, c, aid, typ, n, key, files...) }
}

func addApp(t *testing.T, c *Card, aid string, typ wire.KeyType, n int, key cardKey, files ...*file) *application {
	b := unhex(t, aid)
	a := &application{
		aid:      wire.AID(b[0]) | wire.AID(b[1])<<8 | wire.AID(b[2])<<16,
		settings: wire.SettDefault, keyType: typ, keyCount: n, files: files,
	}
	for no := range n {
		k := cardKey{no: wire.KeyNo(no), typ: typ, value: make([]byte, keyLength(typ))}
		if k.no == key.no && key.value != nil {
			k = key
		}
		a.keys = append(a.keys, k)
	}
	c.nvm.apps = append(c.nvm.apps, a)
	return a
}

// preset takes over the session that the recording begins in.
func preset(t *testing.T, c *Card, x traceExchange) {
	c.v.session = presetSession(t, x, securemsg.PICC)
	c.v.session.aid = c.v.aid
}

func presetSession(t *testing.T, x traceExchange, side securemsg.Side) session {
	t.Helper()
	p := x.Preset
	s := securemsg.Session{
		Side: side, Method: key.MethodEV2First, KeyNo: presetKey(x),
		Key: unhex(t, p.Enc), MAC: unhex(t, p.Mac), TI: [4]byte(unhex(t, p.Ti)), Counter: p.Ctr,
	}
	if p.Kind == "lrp" {
		s.Method, s.Key, s.MAC, s.Blocks = key.MethodLRPFirst, unhex(t, p.Key), nil, p.Enc_ctr
	}
	channel, err := securemsg.NewChannel(s)
	if err != nil {
		t.Fatal(err)
	}
	return session{channel: channel, scheme: s.Method.Scheme(), key: s.KeyNo, block: 16}
}

// presetKey is the number of a key that may do what the recording does; it is
// not told there.
func presetKey(x traceExchange) wire.KeyNo {
	if strings.HasPrefix(x.C, "905c") || strings.HasPrefix(x.C, "905f") {
		return masterKey
	}
	return 3
}

// presetAnswer opens the enciphered answer to a command that has only a header
// and a MAC.
func presetAnswer(t *testing.T, x traceExchange, head int) []byte {
	t.Helper()
	ch := presetSession(t, x, securemsg.PCD).channel
	cmd, _ := wire.ParseCommand(unhex(t, x.C))
	if _, err := ch.Seal(nil, securemsg.Message{Code: cmd.INS, Head: cmd.Data[:head], Mode: wire.CommMAC}); err != nil {
		t.Fatal(err)
	}
	data, _, _ := wire.ParseAnswer(wire.FramingWrapped, unhex(t, x.R), false)
	plain, err := ch.Open(nil, securemsg.Message{Data: data, Mode: wire.CommFull, Len: -1})
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

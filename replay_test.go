package desfire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// The reader, given the recorded keys and randoms and driven by the same
// logical commands, sends what was recorded, byte for byte as logical commands.
func TestReaderReplaysRecordedSessions(t *testing.T) {
	var exceptions struct {
		Reader map[string]string `json:"reader"`
	}
	list, err := os.ReadFile("testdata/replays.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(list, &exceptions); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/traces/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	replayed := 0
	for _, name := range files {
		rec, err := trace.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		res := trace.Verify(rec, &trace.VerifyConfig{KeepKeys: true})
		t.Run(rec.ID, func(t *testing.T) {
			if why := exceptions.Reader[rec.ID]; why != "" {
				t.Skip(why)
			}
			replay(t, rec, res)
			replayed++
		})
	}
	if replayed != len(files)-len(exceptions.Reader) {
		t.Errorf("only %d sessions replayed", replayed)
	}
}

// logical is one recorded message, frames joined.
type logical struct {
	class  wire.Class
	ins    byte
	p1, p2 byte
	le     int
	body   []byte
	status wire.Status
	answer []byte
	bare   bool // a native answer carries no status
}

// join joins the frames of exchanges first to last.
func join(rec *trace.Recording, first, last int) (l logical, err error) {
	for i := first; i <= last; i++ {
		x := rec.Exchanges[i]
		f := wire.FramingWrapped
		if x.Framing == trace.Native || x.Framing == "" && rec.Framing == trace.Native {
			f = wire.FramingNative
		}
		c, st := wire.ParseCommand(x.Command)
		if st != wire.StatusOK {
			return l, fmt.Errorf("exchange %d: command %X: %v", i, x.Command, st)
		}
		if i == first {
			l.class, l.ins, l.p1, l.p2, l.le = c.Class, c.INS, c.P1, c.P2, c.Le
		}
		l.body = append(l.body, c.Data...)
		spec := wire.Find(l.class, l.ins, "")
		l.bare = spec != nil && spec.Bare
		data, status, ok := wire.ParseAnswer(f, x.Response, l.bare)
		if !ok {
			return l, fmt.Errorf("exchange %d: answer %X", i, x.Response)
		}
		l.status = status
		l.answer = append(l.answer, data...)
	}
	return l, nil
}

// replayer plays the card: it gathers what the reader sends until it has as
// many bytes as were recorded, compares, and gives the recorded answer.
type replayer struct {
	t    *testing.T
	want []logical
	got  []byte
	ins  byte
}

func (r *replayer) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	c, st := wire.ParseCommand(cmd)
	if st != wire.StatusOK || len(r.want) == 0 {
		return nil, fmt.Errorf("unexpected %X", cmd)
	}
	want := r.want[0]
	if len(r.got) == 0 {
		r.ins = c.INS
	}
	r.got = append(r.got, c.Data...)
	if r.ins != want.ins || c.Class != want.class || len(r.got) > len(want.body) || !bytes.HasPrefix(want.body, r.got) {
		r.t.Errorf("sent %02X %X\nrecorded %02X %X", r.ins, r.got, want.ins, want.body)
		return nil, errors.New("not what was recorded")
	}
	// An Le where no answer has data, as the application note prints, says nothing.
	if c.Class == wire.ClassISO && (c.P1 != want.p1 || c.P2 != want.p2 || c.Le != want.le && len(want.answer) > 0) {
		r.t.Errorf("sent %02X with P1 %02X, P2 %02X, Le %d\nrecorded P1 %02X, P2 %02X, Le %d", r.ins, c.P1, c.P2, c.Le, want.p1, want.p2, want.le)
		return nil, errors.New("not what was recorded")
	}
	if len(r.got) < len(want.body) {
		return wire.AppendAnswer(nil, c.Framing, nil, wire.StatusAdditionalFrame, false), nil
	}
	r.want, r.got = r.want[1:], nil
	return wire.AppendAnswer(nil, c.Framing, want.answer, want.status, want.bare), nil
}

func replay(t *testing.T, rec *trace.Recording, res *trace.Result) {
	ctx := context.Background()
	r := &replayer{t: t}
	randoms := new(bytes.Buffer)
	conf := &Config{Unguarded: true, Generation: wire.EV3, Framing: FramingWrapped, Rand: randoms}
	switch g := rec.Card.Generation; {
	case strings.HasPrefix(g, "NTAG"):
		conf.Generation = wire.NTAG424
	case strings.HasSuffix(g, "Light"):
		conf.Generation = wire.Light
	case strings.HasPrefix(g, "EV1"):
		conf.Generation = wire.EV1
	}
	if rec.Framing == trace.Native {
		conf.Framing = FramingNative
	}
	card, err := Connect(ctx, r, conf)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{t: t, rec: rec, r: r, card: card, randoms: randoms}
	for _, o := range res.Messages {
		if p := rec.Exchanges[o.First].Preset; p != nil {
			d.preset(p)
		}
		if rec.Exchanges[o.First].Reset {
			if d.card, err = Connect(ctx, r, conf); err != nil {
				t.Fatal(err)
			}
		}
		l, err := join(rec, o.First, o.Last)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.run(ctx, o, l); err != nil {
			t.Fatalf("exchange %d, %s: %v", o.First, o.Name, err)
		}
		if len(r.want) > 0 {
			t.Fatalf("exchange %d, %s: %d messages not sent", o.First, o.Name, len(r.want))
		}
	}
}

// driver makes the reader do what the recorded one did.
type driver struct {
	t       *testing.T
	rec     *trace.Recording
	r       *replayer
	card    *Card
	randoms *bytes.Buffer
}

func (d *driver) preset(p *trace.Preset) {
	s := presetSession(p)
	channel, err := securemsg.NewChannel(s)
	if err != nil {
		d.t.Fatal(err)
	}
	d.card.begin(channel, s.Method, key.Zero(key.TypeAES))
}

var authMethods = map[byte]key.Method{0x0A: key.MethodD40, 0x1A: key.MethodISO, 0xAA: key.MethodAES, 0x71: key.MethodEV2First, 0x77: key.MethodEV2NonFirst}

func (d *driver) assume(no FileNo, fs wire.FileSettings) {
	if err := d.card.AssumeFileSettings(no, fs); err != nil {
		d.t.Fatal(err)
	}
}

func (d *driver) run(ctx context.Context, o trace.Opened, l logical) error {
	if m, ok := authMethods[l.ins]; ok && l.class == wire.ClassNative {
		return d.authenticate(ctx, o, m)
	}
	d.r.want = append(d.r.want, l)
	spec := wire.Find(l.class, l.ins, "")
	if spec == nil {
		return errors.New("no declaration")
	}
	if l.ins == 0xC4 || l.ins == 0xC6 {
		return d.changeKey(ctx, l)
	}
	if o.Plain == nil && len(l.body) > 0 {
		return errors.New("not opened")
	}
	cmd := spec.New()
	var c wire.Coder
	if err := c.DecodeISO(wire.Encoded{Bytes: o.Plain, P1: l.p1, P2: l.p2, Le: l.le}, cmd); err != nil {
		return err
	}
	if l.ins == 0x5F && o.Mode == wire.CommPlain && o.Scheme != wire.SchemeNone {
		d.assume(FileNo(o.Plain[0]), wire.FileSettings{Access: wire.AccessRights{Change: wire.Free}})
	}
	if spec.Rule == wire.RuleRead || spec.Rule == wire.RuleWrite {
		fs := wire.FileSettings{Option: wire.FileOption(o.Mode)}
		if s, ok := d.card.Session(); ok {
			k := wire.Access(s.KeyNo)
			fs.Access = wire.AccessRights{Read: k, Write: k, ReadWrite: k, Change: k}
		}
		d.assume(FileNo(o.Plain[0]), fs)
	}
	return d.same(d.card.Run(ctx, cmd, spec.NewResponse()), l.status, spec.Success)
}

// same checks that the reader reports what the card answered.
func (d *driver) same(err error, status, success wire.Status) error {
	var refused *CommandError
	switch {
	case errors.As(err, &refused) && refused.Status == status:
		return nil
	case err == nil && (status == success || status == wire.StatusOK):
		return nil
	case err == nil:
		return fmt.Errorf("no error for %v", status)
	}
	return err
}

func (d *driver) authenticate(ctx context.Context, o trace.Opened, m key.Method) error {
	first, err := join(d.rec, o.First, o.First)
	if err != nil {
		return err
	}
	d.r.want = append(d.r.want, first)
	no := KeyNo(first.body[0])
	if m == key.MethodEV2First && len(first.body) > 2 && first.body[2]&2 != 0 {
		m = key.MethodLRPFirst
	}
	if m == key.MethodEV2NonFirst && d.lrp() {
		m = key.MethodLRPNonFirst
	}
	if o.Last == o.First || first.status != wire.StatusAdditionalFrame {
		return d.same(d.card.AuthenticateWith(ctx, m, no, d.anyKey(m)), first.status, 0)
	}
	second, err := join(d.rec, o.First+1, o.Last)
	if err != nil {
		return err
	}
	d.r.want = append(d.r.want, second)
	for _, k := range d.rec.Keys {
		if m.Fits(k.Value.Type()) != nil {
			continue
		}
		x := securemsg.Recorded{Method: m, KeyNo: no, Key: k.Value, Challenge: first.answer, Token: second.body, Proof: second.answer}
		got, err := securemsg.Recover(ctx, x)
		if err != nil || !got.ReaderProof || !got.CardProof && second.status == wire.StatusOK {
			continue
		}
		rndA, _ := got.Randoms()
		d.randoms.Reset()
		d.randoms.Write(rndA)
		conf := securemsg.Config{Method: m, KeyNo: no, Key: k.Value, Rand: d.randoms, Session: d.card.state.channel, Caps: first.body[min(2, len(first.body)):]}
		h, err := securemsg.NewHandshake(conf)
		if err != nil {
			return err
		}
		return d.same(d.card.handshake(ctx, h, conf), second.status, wire.StatusOK)
	}
	return errors.New("no key of the recording fits")
}

func (d *driver) lrp() bool {
	s, ok := d.card.Session()
	return ok && s.Scheme == wire.SchemeLRP
}

func (d *driver) anyKey(m key.Method) key.Key {
	if m == key.MethodD40 || m == key.MethodISO {
		return key.Zero(key.TypeDES)
	}
	return key.Zero(key.TypeAES)
}

// changeKey finds among the recording's keys the new and old one that give the
// recorded cryptogram, and lets the reader make that change.
func (d *driver) changeKey(ctx context.Context, l logical) error {
	head := l.body[:1]
	if l.ins == 0xC6 {
		head = l.body[:2]
	}
	no := KeyNo(head[len(head)-1])
	channel := d.card.state.channel
	if channel == nil {
		return d.same(d.card.Run(ctx, &wire.ChangeKey{Key: no, Data: wire.NewSecret(l.body[1:])}, new(wire.Empty)), l.status, wire.StatusOK)
	}
	olds := []key.Key{nil}
	if l.ins == 0xC6 || !d.card.state.ownKey(no) {
		olds = nil
		for _, k := range d.rec.Keys {
			olds = append(olds, k.Value)
		}
	}
	for _, k := range d.rec.Keys {
		for version := -1; version < 256; version++ {
			fresh := k.Value
			if version >= 0 {
				fresh = fresh.WithVersion(byte(version))
			}
			for _, old := range olds {
				change := securemsg.KeyChange{Code: l.ins, Head: head, New: fresh, Old: old}
				sealed, err := securemsg.SealKeyChange(ctx, securemsg.Clone(channel), nil, change)
				if err != nil || !bytes.Equal(sealed, l.body) {
					continue
				}
				if l.ins == 0xC6 {
					return d.same(d.card.ChangeKeyInSet(ctx, wire.KeySetNo(head[0]), no, fresh, old), l.status, wire.StatusOK)
				}
				return d.same(d.card.ChangeKey(ctx, no&0x3F, fresh, old), l.status, wire.StatusOK)
			}
		}
	}
	return errors.New("no keys of the recording give the recorded cryptogram")
}

func presetSession(p *trace.Preset) securemsg.Session {
	s := securemsg.Session{Side: securemsg.PCD, KeyNo: KeyNo(max(p.KeyNo, 0)), Key: p.Key, IV: p.IV, Counter: p.Counter, Blocks: p.EncCtr}
	copy(s.TI[:], p.TI)
	switch p.Kind {
	case "d40":
		s.Method = key.MethodD40
	case "ev1":
		s.Method = key.MethodISO
		if p.Alg == "AES" {
			s.Method = key.MethodAES
		}
	case "ev2":
		s.Method, s.Key, s.MAC = key.MethodEV2First, p.Enc, p.MAC
	case "lrp":
		s.Method = key.MethodLRPFirst
	}
	return s
}

package diagnose_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// kind is a way to open a session.
type kind struct {
	name string
	ins  byte
	typ  key.Type
	lrp  bool
}

var kinds = []kind{
	{"D40 DES", 0x0A, key.TypeDES, false},
	{"D40 2K3DES", 0x0A, key.Type2K3DES, false},
	{"EV1 DES", 0x1A, key.TypeDES, false},
	{"EV1 2K3DES", 0x1A, key.Type2K3DES, false},
	{"EV1 3K3DES", 0x1A, key.Type3K3DES, false},
	{"EV1 AES", 0xAA, key.TypeAES, false},
	{"EV2", 0x71, key.TypeAES, false},
	{"LRP", 0x71, key.TypeAES, true},
}

// stage is a card with an application, keys that are not zeros, and three files
// of the three modes.
type stage struct {
	picc  *sim.Card
	keys  [3]*key.Secret
	files [3]byte // plain, MAC, full
	aid   wire.AID
}

// newKey is a random key; those of DES have a version.
func newKey(t *testing.T, typ key.Type, r *rand.Rand) *key.Secret {
	n := typ.Size()
	if typ == key.TypeDES {
		n = 8
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32()) &^ 1
	}
	if typ == key.TypeAES {
		b[0] |= 1
	}
	k, err := key.New(typ, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k.WithVersion(0x55)
}

func setUp(t *testing.T, k kind) *stage {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, uint64(k.ins)<<8|uint64(k.typ)))
	g := wire.EV2
	if k.lrp {
		g = wire.Light
	}
	picc, err := sim.New(&sim.Config{Generation: g, Rand: rand.NewChaCha8([32]byte{1})})
	must(err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(err)
	s := &stage{picc: picc, aid: 0x332211, files: [3]byte{0, 1, 2}}
	for i := range s.keys {
		s.keys[i] = newKey(t, k.typ, r)
	}
	all := wire.AccessRights{Read: 0, Write: 0, ReadWrite: 0, Change: 0}
	zero := key.Zero(k.typ)
	if k.lrp {
		s.files = [3]byte{0, 4, 0x1F}
		must(card.Select(ctx, wire.Place{Name: string(g.FixedName())}))
		must(card.AuthenticateWith(ctx, key.MethodEV2First, 0, zero))
		must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}}))
		must(card.Authenticate(ctx, 0, zero))
		for i, no := range s.files {
			must(card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: wire.FileNo(no), Option: []wire.FileOption{0, 1, 3}[i], Access: all}))
		}
	} else {
		must(card.CreateApplication(ctx, &wire.CreateApplication{AID: s.aid, KS1: 0x0F, KS2: wire.NewKeySett2(k.typ.Wire(), 3)}))
		must(card.SelectApplication(ctx, s.aid))
		must(card.Authenticate(ctx, 0, zero))
		for i, no := range s.files {
			must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: wire.FileNo(no), Option: []wire.FileOption{0, 1, 3}[i], Access: all, Size: 64}))
		}
	}
	must(card.ChangeKey(ctx, 1, s.keys[1], zero))
	must(card.ChangeKey(ctx, 0, s.keys[0], nil))
	must(card.Close())
	return s
}

// reader is a reader made by hand for the stage.
func (s *stage) reader(t *testing.T, k kind, flaw string) *hand {
	h := &hand{t: t, tr: s.picc.Present(), r: rand.New(rand.NewPCG(2, 3)), flaw: flaw, key: s.keys[0], ins: k.ins}
	h.rec.Framing = trace.ISO
	if k.lrp {
		h.lrp = lrp.New([16]byte{})
		h.raw(join([]byte{0, 0xA4, 4, 0x0C, 16}, wire.Light.FixedName()))
	} else {
		w := s.aid.Wire()
		h.send(0x5A, w[:])
	}
	return h
}

// write writes to one of the files: 0 plain, 1 MAC, 2 full.
func (s *stage) write(h *hand, file int, mode wire.CommMode, n int) byte {
	ins := byte(0x3D)
	if h.scheme() == wire.SchemeLRP {
		ins = 0x8D
	}
	return h.do(ins, []byte{s.files[file], 0, 0, 0, byte(n), 0, 0}, h.bytes(n), mode)
}

// version asks for a key version: plain, or with a MAC from EV2 on.
func (s *stage) version(h *hand) byte {
	mode := wire.CommPlain
	if h.scheme() >= wire.SchemeEV2 {
		mode = wire.CommMAC
	}
	flaw := h.flaw
	if !strings.HasPrefix(flaw, "stale") {
		h.flaw = ""
	}
	defer func() { h.flaw = flaw }()
	return h.do(0x64, []byte{0}, nil, mode)
}

func (s *stage) given() []trace.Key {
	return []trace.Key{{No: 0, Value: s.keys[0]}, {No: 1, Value: s.keys[1]}}
}

// rightSession does everything right.
func (s *stage) rightSession(t *testing.T, k kind) *hand {
	h := s.reader(t, k, "")
	if !h.authenticate(0) {
		t.Fatalf("%s: not authenticated", k.name)
	}
	for i, mode := range []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
		for _, n := range []int{20, 1, 16} {
			if st := s.version(h); st != 0 {
				t.Fatalf("%s: GetKeyVersion: %02X", k.name, st)
			}
			if st := s.write(h, i, mode, n); st != 0 {
				t.Fatalf("%s: %v of %d bytes: %02X", k.name, mode, n, st)
			}
		}
	}
	if st := h.change(1, s.keys[2], s.keys[1]); st != 0 {
		t.Fatalf("%s: ChangeKey: %02X", k.name, st)
	}
	s.version(h)
	return h
}

func TestUnbrokenSessions(t *testing.T) {
	for _, k := range kinds {
		s := setUp(t, k)
		h := s.rightSession(t, k)
		for _, keys := range [][]trace.Key{s.given(), nil} {
			r := diagnose.Recording(&h.rec, &diagnose.Config{Keys: keys})
			if len(r.Findings) > 0 || r.Refusals > 0 || keys != nil && r.Right < 5 {
				t.Errorf("%s: %s, %+v", k.name, r.Summary(), r.Findings)
			}
		}
	}
}

const (
	onD40     = "D40"
	onEV1     = "EV1"
	onEV2     = "EV2"
	onLRP     = "LRP"
	onCBC     = "D40 EV1 EV2"
	onClassic = "D40 EV1"
	onNew     = "EV2 LRP"
	onAll     = "D40 EV1 EV2 LRP"
)

// flaws are the mistakes, where a reader can make them, and the rule that has
// to come first.
var flaws = []struct {
	flaw, on, when string // when: "auth", or the mode of the write
	rule           string
}{
	{"token clear", onCBC, "auth", "token-in-clear"},
	{"token clear", onLRP, "auth", "lrp-not-used"},
	{"token ecb", onCBC, "auth", "ecb"},
	{"token direction", onCBC, "auth", "cipher-direction"},
	{"token short", onCBC, "auth", "token-length"},
	{"rotation none", onCBC, "auth", "rndb-not-rotated"},
	{"rotation none", onLRP, "auth", "rndb-rotated-lrp"},
	{"rotation right", onCBC, "auth", "rndb-rotated-right"},
	{"rotation two", onCBC, "auth", "rndb-rotated-wrong"},
	{"rotation reversed", onCBC, "auth", "rndb-reversed"},
	{"challenge raw", onCBC, "auth", "challenge-not-deciphered"},
	{"challenge enciphered", onD40, "auth", "challenge-enciphered"},
	{"randoms exchanged", onAll, "auth", "randoms-exchanged"},
	{"key reversed", onAll, "auth", "key-byte-order"},
	{"ses randoms", onLRP, "auth", "session-key-randoms"},
	{"ses base", onLRP, "auth", "session-key-base"},

	{"token iv", onCBC, "mac full", "first-iv"},
	{"ses randoms", onCBC, "mac full", "session-key-randoms"},
	{"ses rotated", onCBC, "mac full", "session-key-rotated"},
	{"ses base", onCBC, "mac full", "session-key-base"},
	{"ses zero", onCBC, "mac full", "session-key-zero"},
	{"ses zero later", onLRP, "mac full", "session-key-zero"},
	{"ses layout", onClassic, "mac full", "session-key-layout"},
	{"ses labels", onEV2, "mac full", "session-key-label"},

	{"iv chained", onD40, "mac full", "first-iv"},
	{"iv zero", onEV1, "mac full", "iv-zero"},
	{"stale answer", onEV1, "mac full", "iv-stale"},
	{"stale command", onEV1, "mac full", "iv-stale"},
	{"stale status", onEV1, "mac full", "iv-stale"},
	{"iv zero", onEV2, "full", "first-iv"},
	{"iv raw", onEV2, "full", "first-iv"},
	{"iv label", onEV2, "full", "first-iv"},
	{"iv order", onEV2, "full", "first-iv"},
	{"blocks", onLRP, "full", "lrp-counter"},
	{"counter ahead", onNew, "mac full", "counter"},
	{"counter behind", onNew, "mac full", "counter"},
	{"counter stuck", onNew, "mac full", "counter"},

	{"mac header", onD40, "mac", "mac-input"},
	{"mac header", onEV1, "mac", "mac-input"},
	{"mac header", onNew, "mac full", "mac-input"},
	{"mac ins", onAll, "mac", "mac-input"},
	{"mac data", onEV1, "mac", "mac-input"},
	{"mac ti", onNew, "mac full", "mac-input"},
	{"mac plain", onNew, "full", "mac-input"},
	{"mac counter order", onNew, "mac full", "counter-byte-order"},
	{"mac ti order", onNew, "mac full", "ti-byte-order"},
	{"mac first", onNew, "mac full", "mac-truncation"},
	{"mac even", onNew, "mac full", "mac-truncation"},
	{"mac last", onD40, "mac", "mac-truncation"},
	{"mac eight", onD40, "mac", "mac-length"},
	{"mac four", onEV1, "mac", "mac-length"},
	{"mac of another", onD40, "mac", "mac-of-ev1"},
	{"mac altered", onAll, "mac", "mac-altered"},
	{"mac missing", onNew, "mac", "mac-missing mode"},
	{"mac missing", onNew, "version", "mac-missing"},

	{"data clear", onAll, "full", "data-in-clear mode"},
	{"data ecb", onClassic, "full", "ecb"},
	{"data ecb", onEV2, "full", "ecb"},
	{"data direction", onClassic, "full", "cipher-direction"},
	{"data direction", onEV2, "full", "cipher-direction"},
	{"crc kind", onClassic, "full", "crc-kind"},
	{"crc header", onClassic, "full", "crc-parts"},
	{"crc data", onEV1, "full", "crc-parts"},
	{"crc order", onClassic, "full", "crc-byte-order"},
	{"crc inverted", onEV1, "full", "crc-inverted"},
	{"crc initial", onD40, "full", "crc-initial"},
	{"padding count", onAll, "full", "padding"},
	{"key exchanged", onClassic, "change", "crc-exchanged"},
	{"key second order", onAll, "change", "changekey-crc"},
	{"key second mixed", onAll, "change", "changekey-crc"},
	{"key not xored", onAll, "change", "changekey-crc"},
	{"key one sum", onAll, "change", "changekey-form"},
	{"key old zero", onAll, "change", "changekey-crc"},
	{"key version", "AES EV2", "change", "changekey-version"},
	{"key parity", "DES 2K3DES 3K3DES", "change", "old-key-parity"},
	{"data ecb", "D40 EV1 EV2", "change", "ecb"},
	{"data direction", "D40 EV1 EV2", "change", "cipher-direction"},
	{"iv zero", onEV1, "change", "iv-zero"},
	{"iv zero", onEV2, "change", "first-iv"},
	{"iv raw", onEV2, "change", "first-iv"},
	{"counter ahead", onNew, "change", "counter"},
	{"blocks", onLRP, "change", "lrp-counter"},
	{"ses randoms", onCBC, "change", "session-key-randoms"},

	{"padding zero", onNew, "full", "padding"},
}

func onKind(k kind, on string) bool {
	return slices.ContainsFunc(strings.Fields(k.name), func(s string) bool { return slices.Contains(strings.Fields(on), s) })
}

func TestBrokenSessions(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s := setUp(t, k)
			for i, f := range flaws {
				if !onKind(k, f.on) || testing.Short() && i%5 != 0 {
					continue
				}
				for _, when := range strings.Fields(f.when) {
					s.breakSession(t, k, f.flaw, when, f.rule)
				}
			}
		})
	}
}

func (s *stage) breakSession(t *testing.T, k kind, flaw, when, rule string) {
	t.Helper()
	h := s.reader(t, k, flaw)
	authenticated := h.authenticate(0)
	if when == "auth" {
		if authenticated {
			t.Errorf("%s: the card takes it", flaw)
			return
		}
	} else {
		if !authenticated {
			t.Errorf("%s: not authenticated", flaw)
			return
		}
		if !strings.HasPrefix(flaw, "ses") && flaw != "token iv" || h.scheme() < wire.SchemeEV2 { // else that would fail
			s.version(h)
			s.version(h)
		}
		var st byte
		switch when {
		case "mac":
			st = s.write(h, 1, wire.CommMAC, 20)
		case "full":
			n := 11
			if h.scheme() >= wire.SchemeEV2 {
				n = 5
			}
			if flaw == "data ecb" { // one block is no chain
				n = 20
			}
			st = s.write(h, 2, wire.CommFull, n)
		case "change":
			st = h.change(1, s.keys[2], s.keys[1])
		case "version":
			st = h.do(0x64, []byte{0}, nil, wire.CommMAC)
		}
		if st == 0 {
			t.Errorf("%s, %s: the card takes it", flaw, when)
			return
		}
	}
	s.expect(t, h, flaw+", "+when, rule)
}

// expect demands that the first finding about the last message is of one of the
// rules.
func (s *stage) expect(t *testing.T, h *hand, what, rules string) {
	t.Helper()
	r := diagnose.Recording(&h.rec, &diagnose.Config{Keys: s.given()})
	last := len(h.rec.Exchanges) - 1
	s.expectBlind(t, h, what, rules)
	for len(r.Findings) > 0 && r.Findings[0].Exchange < last {
		r.Findings = r.Findings[1:]
	}
	if len(r.Findings) == 0 || !slices.Contains(strings.Fields(rules), r.Findings[0].Rule) || r.Findings[0].Sure == diagnose.Possible {
		e := h.rec.Exchanges[last]
		t.Errorf("%s: want %s, have %d refusals, %+v\n%X %X", what, rules, r.Refusals, r.Findings, e.Command, e.Response)
	}
}

// expectBlind looks what is said without keys, and with keys that are none of
// the card's: something, and nothing of cryptography that would need them.
func (s *stage) expectBlind(t *testing.T, h *hand, what, rules string) {
	t.Helper()
	last := len(h.rec.Exchanges) - 1
	other := []trace.Key{{No: -1, Value: newKey(t, h.key.Type(), h.r)}}
	for _, keys := range [][]trace.Key{nil, other} {
		r := diagnose.Recording(&h.rec, &diagnose.Config{Keys: keys, DefaultKeys: keys != nil})
		if !slices.ContainsFunc(r.Findings, func(f diagnose.Finding) bool { return f.Exchange == last }) {
			t.Errorf("%s: nothing is said without the key", what)
		}
		for _, f := range r.Findings {
			if f.Sure == diagnose.Proved && !slices.Contains(keyless, f.Rule) {
				t.Errorf("%s: proved without the key: %+v", what, f)
			}
		}
		if slices.Contains(keyless, rules) && (len(r.Findings) == 0 || r.Findings[len(r.Findings)-1].Exchange != last) {
			t.Errorf("%s: %s needs no key: %+v", what, rules, r.Findings)
		}
	}
}

// keyless are the rules that bytes prove without a key.
var keyless = []string{
	"token-length", "session-ended", "no-session", "no-such-key", "key-type", "lc", "length", "no-application", "no-file", "byte-order", "boundary",
	"level", "duplicate", "frame-not-expected", "unfinished", "rights", "mode", "amount", "limits", "generation",
}

package evidence

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

const root = "../.."

func load(t testing.TB) *Evidence {
	t.Helper()
	e, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// without is the evidence of a tree that lacks one recording.
func without(t testing.TB, e *Evidence, id string) *Evidence {
	t.Helper()
	c := *e
	c.Sessions = slices.DeleteFunc(slices.Clone(e.Sessions), func(s Session) bool { return s.Recording.ID == id })
	c.Table = Table{}
	for _, s := range c.Sessions {
		c.Table.take(s.Recording, s.Result, Captured)
	}
	for _, s := range c.Foreign {
		c.Table.take(s.Recording, s.Result, Foreign)
	}
	for _, err := range []error{
		c.Table.layouts(filepath.Join(root, "wire/testdata/vectors.txt")), c.Table.crypto(filepath.Join(root, "testdata/vectors/crypto.json")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &c
}

func parse(t testing.TB, data []byte) *trace.Recording {
	t.Helper()
	rec, _, err := trace.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// Each recording of the tree, taken away and sent again with its keys, is filed
// so that it proves what it proved before.
func TestRecordingsComeBack(t *testing.T) {
	e := load(t)
	moved, least := 0, 20
	if testing.Short() {
		least = 1
	}
	for i, s := range e.Sessions {
		if testing.Short() && i%5 != 0 {
			continue
		}
		tree := without(t, e, s.Recording.ID)
		a := AddRecording(s.Recording, &Options{WithKeys: true}, tree)
		if a.Refused != nil {
			if a.Refused.Reason != Duplicate { // NXP prints the same example twice
				t.Errorf("%s: %v", s.Recording.ID, a.Refused)
			}
			continue
		}
		back := parse(t, a.Data)
		res := trace.Verify(back, nil)
		if res.Verdict != s.Result.Verdict || res.Authentications != s.Result.Authentications || res.MACs != s.Result.MACs || res.CRCs != s.Result.CRCs {
			t.Errorf("%s: %v, %d, %d, %d; it was %v, %d, %d, %d: %s", s.Recording.ID, res.Verdict, res.Authentications, res.MACs, res.CRCs,
				s.Result.Verdict, s.Result.Authentications, s.Result.MACs, s.Result.CRCs, res.Reason())
		}
		if back.Verified != (res.Verdict == trace.Verified) {
			t.Errorf("%s: verified %v, but it is %v", s.Recording.ID, back.Verified, res.Verdict)
		}
		if strings.HasPrefix(s.Recording.ID, published) {
			continue // its new name does not say so
		}
		after := maps.Clone(tree.Table)
		after.take(back, res, Captured)
		if !maps.Equal(after, e.Table) {
			t.Errorf("%s: it proves other cells than before: %v", s.Recording.ID, append(after.Moves(e.Table), e.Table.Moves(after)...))
		}
		if want := e.Table.Moves(tree.Table); !slices.Equal(a.Moves, want) {
			t.Errorf("%s: says that %v move, and %v do", s.Recording.ID, a.Moves, want)
		}
		moved += len(a.Moves)
		again := AddRecording(s.Recording, &Options{WithKeys: true}, tree)
		if again.Name != a.Name || !bytes.Equal(again.Data, a.Data) {
			t.Errorf("%s: filed twice it is another file", s.Recording.ID)
		}
	}
	if moved < least {
		t.Errorf("only %d cells moved", moved)
	}
}

// What is there already is not filed again: as it is, in part, with another name.
func TestDuplicates(t *testing.T) {
	e := load(t)
	for _, s := range e.Sessions {
		o := &Options{Source: "somebody", Card: "EV1", WithKeys: true}
		if a := AddRecording(s.Recording, o, e); a.Refused == nil || a.Refused.Reason != Duplicate && a.Refused.Reason != Untold {
			t.Errorf("%s: %v", s.Recording.ID, a.Refused)
		}
	}
	part := *e.Sessions[slices.IndexFunc(e.Sessions, func(s Session) bool { return s.Recording.ID == "rfdoorlock-ev1-2k3des" })].Recording
	part.Exchanges = slices.Clone(part.Exchanges[:len(part.Exchanges)-2])
	part.Exchanges[0].Command = slices.Clone(part.Exchanges[0].Command)
	part.Exchanges[0].Command[len(part.Exchanges[0].Command)-1] ^= 0xFF // no part any more, but the same session
	if a := AddRecording(&part, &Options{WithKeys: true}, e); a.Refused == nil || a.Refused.Reason != Duplicate || !strings.Contains(a.Refused.Why, "same random") {
		t.Errorf("a session in part: %v", a.Refused)
	}
}

// Whatever recording is sent without leave to file keys: no key, random or
// session key is in the file, and who has the file alone verifies no session.
func TestNothingSecretIsFiled(t *testing.T) {
	e := load(t)
	for _, s := range append(slices.Clone(e.Sessions), e.Foreign...) {
		a := AddRecording(s.Recording, &Options{Source: "x", Card: "card", Simulate: true}, nil)
		digits := strings.ToLower(string(a.Data))
		for _, k := range s.Recording.Keys {
			b := k.Value.Export()
			if len(bytes.Trim(b, string(b[:1]))) > 0 && strings.Contains(digits, hex.EncodeToString(b)) && (a.Refused == nil || a.Refused.Reason != Secret) {
				t.Errorf("%s: a key is in it", s.Recording.ID)
			}
		}
		for _, b := range s.Recording.RndA {
			lrp := slices.ContainsFunc(s.Recording.Exchanges, func(e trace.Exchange) bool { return len(e.Command) >= 16 && bytes.Contains(e.Command, b) }) // sends it in clear
			if !lrp && len(b) >= 8 && strings.Contains(digits, hex.EncodeToString(b)) {
				t.Errorf("%s: a random number is in it", s.Recording.ID)
			}
		}
		if strings.Contains(digits, `"preset"`) {
			t.Errorf("%s: session keys are in it", s.Recording.ID)
		}
		back := parse(t, a.Data)
		if len(back.Keys) > 0 || trace.Verify(back, nil).Verdict == trace.Verified {
			t.Errorf("%s: it verifies without keys", s.Recording.ID)
		}
		said := strings.Join(a.Notes, " ")
		if s.Result.Verdict == trace.Verified && !strings.Contains(said, "nobody can verify it any more") {
			t.Errorf("%s: it is not said that nobody can verify it: %q", s.Recording.ID, said)
		}
	}
}

// An altered recording is not filed, with keys or without.
func TestForgedRecordings(t *testing.T) {
	for _, s := range load(t).Sessions {
		if s.Result.Verdict != trace.Verified {
			continue
		}
		for _, m := range s.Result.Messages {
			if m.Scheme == wire.SchemeNone || m.Mode == wire.CommPlain || !m.OK() || len(s.Recording.Exchanges[m.Last].Response) < 6 {
				continue
			}
			rec := *s.Recording
			rec.Exchanges = slices.Clone(rec.Exchanges)
			e := &rec.Exchanges[m.Last]
			e.Response = slices.Clone(e.Response)
			e.Response[2] ^= 4
			for _, keys := range []bool{true, false} {
				if a := AddRecording(&rec, &Options{Source: "x", Card: "card", WithKeys: keys, Simulate: true}, nil); a.Refused == nil || a.Refused.Reason != Forged {
					t.Errorf("%s: exchange %d altered, and it is filed: %v", rec.ID, m.Last, a.Refused)
				}
			}
		}
	}
}

// recorded is a session of our reader with the simulated card.
func recorded(t testing.TB, conf *sim.Config) *trace.Recording {
	t.Helper()
	picc, err := sim.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	r := trace.NewRecorder(nil)
	card, err := desfire.Connect(t.Context(), r.Wrap(picc.Present()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := card.Authenticate(t.Context(), 0, key.Zero(key.TypeDES)); err != nil {
		t.Fatal(err)
	}
	if _, err := card.FreeMemory(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := card.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Recording()
}

// Recordings of the simulated card are recognised by each of their marks, and
// count for nothing, wherever they are.
func TestSimulatedCardsAreNoEvidence(t *testing.T) {
	o := &Options{Source: "own card", WithKeys: true}
	o.Verify.DefaultKeys = true
	plain := recorded(t, &sim.Config{Generation: wire.EV1})
	other := recorded(t, &sim.Config{Generation: wire.EV1, Production: []byte{1, 2, 3, 4, 5, 6, 7}})
	slow := func(r *trace.Recording) {
		for i := range r.Exchanges {
			r.Exchanges[i].Took = 4000
		}
	}
	for name, rec := range map[string]*trace.Recording{"as it is": plain, "another production": other} {
		for mark, change := range map[string]func(r *trace.Recording){
			"reader":     slow,
			"production": func(r *trace.Recording) { slow(r); r.Card.Reader = "" },
			"times":      func(r *trace.Recording) { r.Card.Reader = "ACS ACR122U" },
		} {
			c := *rec
			c.Exchanges = slices.Clone(rec.Exchanges)
			change(&c)
			if name != "as it is" && mark == "production" {
				continue
			}
			a := AddRecording(&c, o, nil)
			if a.Refused == nil || a.Refused.Reason != OfSim {
				t.Errorf("%s, by %s: %v", name, mark, a.Refused)
			}
			forced := *o
			forced.Simulate = true
			a = AddRecording(&c, &forced, nil)
			if a.Refused != nil || !strings.HasPrefix(a.Name, "simulated/") {
				t.Errorf("%s, forced: %v, %s", name, a.Refused, a.Name)
				continue
			}
			back := parse(t, a.Data)
			table := Table{}
			if table.take(back, trace.Verify(back, nil), Captured); len(table) > 0 {
				t.Errorf("%s, by %s: it counts for %v", name, mark, table)
			}
		}
	}
	for _, s := range load(t).Sessions {
		if why := Simulated(s.Recording); why != "" {
			t.Errorf("%s is taken for simulated: %s", s.Recording.ID, why)
		}
	}
}

// The UID is masked everywhere or nowhere.
func TestUID(t *testing.T) {
	uid := "04407A7A0B1090"
	version := "> 9060000000\n< 04010133001605 91AF\n> 90AF000000\n< 04010103001605 91AF\n> 90AF000000\n< " + uid + "01020304051122 9100\n"
	lines := "> FFCA000000\n< " + uid + " 9000\n" + version + "> 905A00000356341200\n< 9100\n"
	masked := AddRecording(parse(t, []byte(lines)), &Options{Source: "card " + uid, Card: "EV3"}, nil)
	if masked.Refused != nil || strings.Contains(strings.ToUpper(string(masked.Data)), uid) || strings.Count(string(masked.Data), "04000000000001") < 3 {
		t.Errorf("%v: %s", masked.Refused, masked.Data)
	}
	if back := parse(t, masked.Data); fmt.Sprintf("%X", back.Exchanges[0].Response[:7]) != "04000000000001" || !bytes.Equal(back.Exchanges[0].Response[:7], back.Exchanges[3].Response[:7]) {
		t.Errorf("masked otherwise: %X, %X", back.Exchanges[0].Response, back.Exchanges[3].Response)
	}
	kept := AddRecording(parse(t, []byte(lines)), &Options{Source: "x", Card: "EV3", KeepUID: true}, nil)
	if strings.Count(strings.ToUpper(string(kept.Data)), uid) < 2 || !strings.Contains(strings.Join(kept.Remains, " "), uid) {
		t.Errorf("kept: %v", kept.Remains)
	}
	text := fmt.Sprintf("> 90BD0000070200000000000000\n< %X 9100\n", "https://example.org/?u="+uid)
	sun := AddRecording(parse(t, []byte(lines+text)), &Options{Source: "x", Card: "EV3"}, nil)
	if !strings.Contains(strings.Join(sun.Remains, " "), uid) || strings.Count(strings.ToUpper(string(sun.Data)), uid) < 2 {
		t.Errorf("a UID that stands in a text: %v", sun.Remains)
	}

	rec := recorded(t, &sim.Config{Generation: wire.EV1})
	o := &Options{Source: "x", Simulate: true}
	o.Verify.DefaultKeys = true
	covered := AddRecording(rec, o, nil)
	if said := strings.Join(covered.Remains, " "); !strings.Contains(said, "MACs or signatures depend on it in exchange") {
		t.Errorf("a UID with a CMAC: %q", said)
	}
	if res := trace.Verify(parse(t, covered.Data), &o.Verify); res.Verdict != trace.Verified {
		t.Errorf("with the key it does not verify any more: %s", res.Reason())
	}
}

// What a recording must say of itself.
func TestUntold(t *testing.T) {
	lines := "> 9060000000\n< 04010133001605 91AF\n> 90AF000000\n< 04010103001605 91AF\n> 90AF000000\n< 04407A7A0B109001020304051122 9100\n"
	k, err := trace.ParseKey("aes:000102030405060708090A0B0C0D0E0F")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		o    Options
		want Reason
	}{
		"all told":       {lines, Options{Source: "x"}, ""},
		"no source":      {lines, Options{}, Untold},
		"no card":        {"> 906E000000\n< 0020009100\n", Options{Source: "x"}, Untold},
		"another card":   {lines, Options{Source: "x", Card: "ev1"}, Untold},
		"words for it":   {lines, Options{Source: "x", Card: "EV3 8K, batch of 2021"}, ""},
		"a key in clear": {lines + "> 903D000017010000000F0000000102030405060708090A0B0C0D0E0F00\n< 917E\n", Options{Source: "x", Verify: trace.VerifyConfig{Keys: []trace.Key{k}}}, Secret},
	} {
		rec := parse(t, []byte(tc.text))
		rec.Source = ""
		a := AddRecording(rec, &tc.o, nil)
		got := Reason("")
		if a.Refused != nil {
			got = a.Refused.Reason
		}
		if got != tc.want {
			t.Errorf("%s: %v", name, a.Refused)
		}
	}
}

func TestRoot(t *testing.T) {
	dir, ok := Root(".")
	want, err := filepath.Abs(root)
	if err != nil || !ok || dir != want {
		t.Errorf("%s, %v, %v", dir, ok, err)
	}
	if dir, ok := Root(os.TempDir()); ok {
		t.Errorf("found %s", dir)
	}
}

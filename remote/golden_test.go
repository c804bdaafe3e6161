package remote

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
)

// goldenKey signs the messages of testdata.
var goldenKey = &LeaseKey{bytes.Repeat([]byte{7}, 32)}

var goldenTime = time.Date(2026, 11, 27, 20, 30, 0, 0, time.UTC)

// golden are messages of version 1 as they are in testdata, for ever: a line of header, a
// line of the rest in hexadecimal.
var golden = []struct {
	name   string
	value  any
	encode func(v any) ([]byte, error)
	decode func(m []byte) (any, error)
}{
	{"hello", &Hello{
		Versioned: Versioned{1}, Build: "v1.0.0", Boot: bootA, Number: 3, Started: goldenTime, Clock: goldenTime.Add(time.Minute), Draining: true,
		Readers: []Reader{
			{ID: "r", Name: "ACS ACR122U 00 00", Seq: 5, Card: &Card{2, goldenTime, "0011223344556677", "3b80", ""}, Lease: &Lease{9, "a program", goldenTime, goldenTime}},
			{ID: "s", Name: "", Seq: 1, Ignored: "a slot for a security module (SAM)"},
		},
	}, func(v any) ([]byte, error) { return v.(*Hello).Encode() }, func(m []byte) (any, error) { return DecodeHello(m) }},
	{"bye", &Hello{Versioned: Versioned{1}, Boot: bootB, Number: 4, Started: goldenTime, Clock: goldenTime, Bye: true, Readers: []Reader{}},
		func(v any) ([]byte, error) { return v.(*Hello).Encode() }, func(m []byte) (any, error) { return DecodeHello(m) }},
	{"inserted", &Event{Versioned: Versioned{1}, Boot: bootA, Seq: 6, Kind: "inserted", Name: "R", Card: &Card{3, goldenTime, "8877665544332211", "", "a contact card"}},
		func(v any) ([]byte, error) { return v.(*Event).Encode() }, func(m []byte) (any, error) { return DecodeEvent(m) }},
	{"removed", &Event{Versioned: Versioned{1}, Boot: bootA, Seq: 7, Kind: "removed", Name: "R", Why: "lifted"},
		func(v any) ([]byte, error) { return v.(*Event).Encode() }, func(m []byte) (any, error) { return DecodeEvent(m) }},
	{"acquire", &LeaseRequest{Versioned: Versioned{1}, Op: Acquire, Boot: bootA, Card: 3, ID: bootB, Public: strings.Repeat("09", 32), Holder: "a program"},
		func(v any) ([]byte, error) { return v.(*LeaseRequest).Encode(nil) }, func(m []byte) (any, error) { return DecodeLeaseRequest(m) }},
	{"renew", &LeaseRequest{Versioned: Versioned{1}, Op: Renew, Boot: bootA, Card: 3, Counter: 9, Number: 4},
		func(v any) ([]byte, error) { return v.(*LeaseRequest).Encode(goldenKey) }, func(m []byte) (any, error) { return DecodeLeaseRequest(m) }},
	{"grant", &Grant{
		Versioned: Versioned{1}, Boot: bootA, Counter: 10, TTL: 15000, Bound: 30000, Public: strings.Repeat("0a", 32), Card: 3, Trace: "8877665544332211",
		ATR: "3b80", MaxCommand: 261, MaxResponse: 258, Framing: "wrapped", Shared: true,
	}, func(v any) ([]byte, error) { return v.(*Grant).Encode(goldenKey) }, func(m []byte) (any, error) { return DecodeGrant(m) }},
	{"refusal", &Grant{Versioned: Versioned{1}, Boot: bootA, Refusal: &Refusal{Code: RefusedInUse, Text: "in use by a program", InUse: true}},
		func(v any) ([]byte, error) { return v.(*Grant).Encode(nil) }, func(m []byte) (any, error) { return DecodeGrant(m) }},
	{"script", &ScriptRequest{
		Versioned: Versioned{1}, Boot: bootA, Counter: 10, Seq: 2, Framing: "wrapped", Count: 2,
		Script: desfire.Script{Framing: desfire.FramingWrapped, Steps: []desfire.ScriptStep{{Command: []byte{0x90, 0x60, 0, 0, 0}, Want: 0x91AF}, {Command: []byte{0x90, 0xAF, 0, 0, 0}}}},
	}, func(v any) ([]byte, error) { return v.(*ScriptRequest).Encode(goldenKey) }, func(m []byte) (any, error) { return DecodeScriptRequest(m) }},
	{"answers", &Answers{Versioned: Versioned{1}, Boot: bootA, Counter: 10, Seq: 2, Count: 2, Frames: [][]byte{{1, 2, 0x91, 0xAF}, {}}},
		func(v any) ([]byte, error) { return v.(*Answers).Encode(goldenKey) }, func(m []byte) (any, error) { return DecodeAnswers(m) }},
	{"failed", &Answers{Versioned: Versioned{1}, Boot: bootA, Counter: 10, Seq: 2, Count: 1, Refusal: &Refusal{RefusedCard, "the card did not answer in time", true, true, false}, Frames: [][]byte{{0x91, 0xAF}}},
		func(v any) ([]byte, error) { return v.(*Answers).Encode(nil) }, func(m []byte) (any, error) { return DecodeAnswers(m) }},
}

// goldenMessage reads a message from testdata.
func goldenMessage(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	header, rest, ok := strings.Cut(string(text), "\n")
	payload, err := hex.DecodeString(strings.TrimSpace(rest))
	if err != nil || !ok {
		t.Fatal(name, err)
	}
	return message(header, payload)
}

func message(header string, payload []byte) []byte {
	m := binary.BigEndian.AppendUint32(nil, uint32(len(header)))
	return append(append(m, header...), payload...)
}

func TestGoldenMessages(t *testing.T) {
	for _, g := range golden {
		want := goldenMessage(t, g.name)
		got, err := g.encode(g.value)
		if err != nil || !bytes.Equal(got, want) {
			n := 4 + binary.BigEndian.Uint32(got)
			t.Errorf("%s: %v: encodes as\n%s\n%x", g.name, err, got[4:n], got[n:])
		}
		v, err := g.decode(want)
		if err != nil || !reflect.DeepEqual(v, g.value) {
			t.Errorf("%s: %v: decodes as\n%+v", g.name, err, v)
		}
	}
}

// What a later version of this major adds is nothing here; another major is refused.
func TestOtherVersions(t *testing.T) {
	for _, g := range golden {
		m := goldenMessage(t, g.name)
		n := binary.BigEndian.Uint32(m)
		header, payload := string(m[4:4+n]), m[4+n:]
		more := message(strings.Replace(header, `{"v":1,`, `{"v":1,"later":{"a":[1,{}]},`, 1), payload)
		if v, err := g.decode(more); err != nil || !reflect.DeepEqual(v, g.value) {
			t.Errorf("%s with an unknown member: %v\n%+v", g.name, err, v)
		}
		for version, words := range map[string]string{"2": "update this program", "0": "update the other side", "-1": "update the other side"} {
			_, err := g.decode(message(strings.Replace(header, `{"v":1,`, `{"v":`+version+`,`, 1), payload))
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s of version %s: %v", g.name, version, err)
			}
		}
	}
}

func TestSignature(t *testing.T) {
	a, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	ka, errA := a.Key(b.Public(), bootA, "r", 1)
	kb, errB := b.Key(a.Public(), bootA, "r", 1)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	m := kb.Sign(ToAgent, []byte("message"))
	if !ka.Verify(ToAgent, m) {
		t.Error("the other side does not know its signature")
	}
	if ka.Verify(FromAgent, m) {
		t.Error("a message goes back as an answer")
	}
	for i := range m {
		bad := bytes.Clone(m)
		bad[i] ^= 1
		if ka.Verify(ToAgent, bad) {
			t.Errorf("byte %d may be changed", i)
		}
	}
	for i := range m {
		if ka.Verify(ToAgent, m[:i]) {
			t.Errorf("%d bytes of it are enough", i)
		}
	}
	var none *LeaseKey
	for _, k := range []*LeaseKey{ka, none} {
		if k.Verify(ToAgent, none.Sign(ToAgent, []byte("message"))) {
			t.Error("no signature is one")
		}
	}
	for name, other := range map[string]func() (*LeaseKey, error){
		"boot":    func() (*LeaseKey, error) { return b.Key(a.Public(), bootB, "r", 1) },
		"reader":  func() (*LeaseKey, error) { return b.Key(a.Public(), bootA, "s", 1) },
		"counter": func() (*LeaseKey, error) { return b.Key(a.Public(), bootA, "r", 2) },
	} {
		k, err := other()
		if err != nil || ka.Verify(ToAgent, k.Sign(ToAgent, []byte("message"))) {
			t.Errorf("another %s has the same key: %v", name, err)
		}
	}
	for _, peer := range []string{"", "00", strings.Repeat("00", 32), strings.Repeat("zz", 32), strings.Repeat("01", 31)} {
		if _, err := a.Key(peer, bootA, "r", 1); err == nil {
			t.Errorf("public half %q passes", peer)
		}
	}
}

// FuzzDecode gives each decoder what anybody may send. What one takes, it writes again as
// something that it takes.
func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add(goldenMessage(f, g.name))
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		for _, g := range golden {
			v, err := g.decode(m)
			if err != nil {
				continue
			}
			again, err := g.encode(v)
			if err != nil {
				continue // as a header that its invalid text makes too long
			}
			if _, err := g.decode(again); err != nil {
				t.Errorf("%s: takes %q and not %q: %v", g.name, m, again, err)
			}
			if h, ok := v.(*Hello); ok {
				h.Agent("gate7")
			}
		}
	})
}

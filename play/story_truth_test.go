package play

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// truths check what the steps of a story claim against the card's memory, which the
// reader never sees.
var truths = map[string]func(t *testing.T, r *Run, s *Step){
	"authenticate": func(t *testing.T, r *Run, s *Step) {
		truth := r.stage.picc.Truth()
		believed, ok := r.stage.card.Session()
		open := s.No == 3 || s.No == 4 || s.No == 6
		if open != (truth.Scheme == wire.SchemeEV2) || open && (truth.KeyNo != 1 || truth.Counter != believed.Counter) {
			t.Errorf("the card has %+v", truth)
		}
		if want := open || s.No == 5; want != ok {
			t.Errorf("the reader has a session: %v", ok)
		}
		content := bytes.TrimRight(in(t, r, 1).Data, "\x00")
		rec, _ := r.Recording()
		for _, x := range rec.Exchanges {
			if bytes.Contains(x.Response, content) {
				t.Error("the content travelled in clear")
			}
		}
		if ti := fmt.Sprintf("%X", believed.TI); (s.No == 3 || s.No == 6) && !strings.Contains(strings.Join(texts(s), " "), ti) {
			t.Errorf("the words do not name the session %s", ti)
		}
		if s.No == 4 && (!strings.Contains(s.Holds.Big, string(content)) || s.Knows.Big != s.Holds.Big) {
			t.Errorf("the card holds %q", content)
		}
	},
	"wrong-key": func(t *testing.T, r *Run, s *Step) {
		want := []int{0, 1, 1, 0, 3, 3}[s.No-1]
		got := 0
		for _, k := range r.stage.picc.Image().Keys {
			if k.No == 1 && k.Application == demo && k.Failures != nil {
				got = k.Failures.Total
			}
		}
		if got != want || s.Holds.Big != fmt.Sprintf("%d of 3 failures", got) {
			t.Errorf("%d failures counted, the words say %s", got, s.Holds.Big)
		}
		if open := r.stage.picc.Truth().Scheme != wire.SchemeNone; open != (s.No == 4) {
			t.Errorf("a session: %v", open)
		}
	},
	"protection": func(t *testing.T, r *Run, s *Step) {
		text := bytes.TrimRight(in(t, r, 1).Data, "\x00")
		if s.No == 1 {
			return
		}
		rec, _ := r.Recording()
		shown := bytes.Contains(rec.Exchanges[s.Look].Response, text)
		if want := s.No == 2 || s.No == 3 || s.No == 7; shown != want {
			if s.No != 5 && s.No != 6 {
				t.Errorf("the text in the answer: %v", shown)
			}
		}
		if strings.Contains(strings.Join(s.Prose, " "), "reads the text in it") != (s.No == 2 || s.No == 3) {
			t.Error("the words about a listener are wrong")
		}
		if right := strings.Contains(s.Knows.Big, string(text)); right != (s.No != 5 && s.No != 6) || s.Knows.Doubt != (s.No == 2 || s.No == 5 || s.No == 6) {
			t.Errorf("the card holds %q, the reader knows %+v", text, s.Knows)
		}
	},
	"torn-debit": func(t *testing.T, r *Run, s *Step) {
		m := moneyOf(t, r)
		if s.Holds.Big != visibleValue(m.value) {
			t.Errorf("the card holds %d, the words say %s", m.value, s.Holds.Big)
		}
		if paid := []int32{0, 1, 2, 2, 2, 2, 2, 2}[s.No-1]; m.start-m.value != paid*m.price || m.count != uint32(paid) {
			t.Errorf("%d paid in %d transactions", m.start-m.value, m.count)
		}
		switch s.No {
		case 3: // torn after: the smaller one is true
			m.either(t, s, s.Knows.Big)
		case 7: // torn before: the greater one
			m.either(t, s, s.Knows.Or)
		case 5, 6:
			m.says(t, s, "it happened", "rule 2")
		case 8:
			m.says(t, s, "it did not happen", "rule 1")
		}
	},
	"key-change": func(t *testing.T, r *Run, s *Step) {
		version := []int{1, 2, 2, 3, 3}[s.No-1]
		for _, k := range r.stage.picc.Image().Keys {
			if k.No != 1 || k.Application != demo {
				continue
			}
			key := r.stage.keys[version] // behind the master key
			if k.Version != version || !bytes.Equal(k.Value.Bytes(), key.Value.Export()) {
				t.Errorf("the card has version %d, want that of the key of version %d", k.Version, version)
			}
		}
		if want := fmt.Sprintf("version %d", version); s.Holds.Big != want || s.No == 4 && s.Knows.Big != want && s.Knows.Or != want || s.No == 5 && s.Knows.Big != want {
			t.Errorf("the card has %s, the words say %s, and that the reader knows %s", want, s.Holds.Big, s.Knows.Big)
		}
	},
	"sun-tag": func(t *testing.T, r *Run, s *Step) {
		counter := in(t, r, 2).SDM.ReadCtr
		if want := []uint32{1, 1, 2, 2, 3}[s.No-1]; counter != want || s.Holds.Big != fmt.Sprintf("tap %d", want) {
			t.Errorf("the tag has counted %d, the words say %s", counter, s.Holds.Big)
		}
		if s.No == 2 && !strings.Contains(s.Prose[0], digits(r.stage.picc.UID())) {
			t.Error("the server deciphered another UID")
		}
		if s.No != 1 && s.No != 4 && s.Knows.Big != s.Holds.Big {
			t.Errorf("the server knows %s, the tag is at %s", s.Knows.Big, s.Holds.Big)
		}
	},
	"diversification": func(t *testing.T, r *Run, s *Step) {
		var check string
		for _, k := range r.stage.picc.Image().Keys {
			if k.No == 1 && k.Application == demo {
				block, err := aes.NewCipher(k.Value.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 16)
				block.Encrypt(b, b)
				check = strings.ToUpper(hex.EncodeToString(b[:3]))
			}
		}
		words := strings.Join(texts(s), " ")
		if own := s.No == 1 || s.No == 2 || s.No == 5; strings.Contains(words, check) != own {
			t.Errorf("the card's key has check value %s: %s", check, words)
		}
		if open := r.stage.picc.Truth().Scheme != wire.SchemeNone; open != (s.No == 2 || s.No == 5) {
			t.Errorf("a session: %v", open)
		}
	},
	"lrp": func(t *testing.T, r *Run, s *Step) {
		on := len(r.stage.picc.Image().Config.Capabilities) > 4 && r.stage.picc.Image().Config.Capabilities[4]&wire.CapLRP != 0
		if on != (s.No > 1) || (s.Holds.Big == "LRP") != on {
			t.Errorf("LRP: %v, the words say %s", on, s.Holds.Big)
		}
		scheme := []wire.Scheme{wire.SchemeEV2, wire.SchemeNone, wire.SchemeNone, wire.SchemeLRP, wire.SchemeLRP}[s.No-1]
		if got := r.stage.picc.Truth().Scheme; got != scheme {
			t.Errorf("the session is %v, want %v", got, scheme)
		}
		if s.No == 5 && !strings.Contains(s.Knows.Big, string(bytes.TrimRight(in(t, r, 3).Data, "\x00"))) {
			t.Errorf("the reader read %s", s.Knows.Big)
		}
	},
	"forged-answer": func(t *testing.T, r *Run, s *Step) {
		file := 2
		if s.No == 1 {
			file = 1
		}
		start, value := r.stage.startsAt(), in(t, r, file).Value.Value
		if paid := s.No == 3 || s.No == 4; paid != (start-value == r.stage.price()) || !paid && start != value || s.Holds.Big != visibleValue(value) {
			t.Errorf("the card holds %d of %d, the words say %s", value, start, s.Holds.Big)
		}
		if wrong := strings.Contains(strings.Join(s.Knows.Words, " "), "Believed, and wrong"); wrong != (s.No == 1 || s.No == 3 || s.No == 4) || wrong && s.Knows.Big == s.Holds.Big {
			t.Errorf("the card holds %s, the reader knows %+v", s.Holds.Big, s.Knows)
		}
	},
	"held-commit": func(t *testing.T, r *Run, s *Step) {
		start, value := r.stage.startsAt(), in(t, r, int(valueFile)).Value.Value
		if paid := s.No == 3 || s.No == 7; paid != (start-value == r.stage.price()) || !paid && start != value || s.Holds.Big != visibleValue(value) {
			t.Errorf("the card holds %d of %d, the words say %s", value, start, s.Holds.Big)
		}
		if pending := s.No == 1 || s.No == 2 || s.No == 4; pending != r.stage.picc.Truth().Pending || pending != strings.Contains(strings.Join(s.Holds.Words, " "), "is pending: it waits") {
			t.Errorf("pending: %v, the words say %q", r.stage.picc.Truth().Pending, s.Holds.Words)
		}
		switch s.No {
		case 3: // what the reader saw is over
			if s.Knows.Big != visibleValue(start) || !s.Knows.Doubt {
				t.Errorf("the reader knows %+v", s.Knows)
			}
		case 5:
			moneyOf(t, r).says(t, s, "it did not happen", "rule 1")
		case 7:
			moneyOf(t, r).says(t, s, "it happened", "rule 2")
		}
	},
}

func TestStoryTruth(t *testing.T) {
	for _, story := range Stories() {
		for seed := range byte(4) {
			t.Run(fmt.Sprintf("%s/%d", story.Slug, seed), func(t *testing.T) {
				r := begin(t, story.Slug, seed)
				for range r.Len() {
					s := next(t, r)
					truths[story.Slug](t, r, s)
					if t.Failed() {
						t.Fatalf("in step %d, %s", s.No, s.Title)
					}
				}
			})
		}
	}
}

// held is what the purse of a run holds, by the card's memory.
type heldMoney struct {
	start, price, value int32
	count               uint32
}

func moneyOf(t *testing.T, r *Run) heldMoney {
	t.Helper()
	m := heldMoney{start: r.stage.startsAt(), price: r.stage.price(), value: in(t, r, int(valueFile)).Value.Value}
	m.count = in(t, r, int(tmacFile)).TMAC.Counter
	return m
}

// either checks that the reader knows two values, of which one is the card's.
func (m heldMoney) either(t *testing.T, s *Step, is string) {
	t.Helper()
	both := []string{s.Knows.Big, s.Knows.Or}
	if is != visibleValue(m.value) || !s.Knows.Doubt || slices.Contains(both, "") || both[0] == both[1] {
		t.Errorf("the card holds %d, the reader knows %q", m.value, both)
	}
}

func (m heldMoney) says(t *testing.T, s *Step, decision, rule string) {
	t.Helper()
	if s.Knows.Big != decision || !strings.Contains(strings.Join(s.Knows.Words, " "), rule) || s.Knows.Doubt {
		t.Errorf("want %s by %s: %+v", decision, rule, s.Knows)
	}
}

// visibleValue is a value as pages show it, of five digits.
func visibleValue(v int32) string {
	s := strconv.Itoa(int(v))
	return s[:len(s)-3] + "\u202f" + s[len(s)-3:]
}

package trace

import (
	"path/filepath"
	"testing"
)

// Examine gives a Message for each Opened, and a Follower the same ones, exchange
// by exchange, as far as no file is used before its settings are known.
func TestFollower(t *testing.T) {
	files, err := filepath.Glob("../testdata/traces/*.json")
	if err != nil || len(files) < 30 {
		t.Fatal(files, err)
	}
	right := 0
	for _, name := range files {
		rec, err := ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		res, messages := Examine(rec, &VerifyConfig{DefaultKeys: true})
		if len(res.Messages) != len(messages) {
			t.Errorf("%s: %d messages opened, %d followed", name, len(res.Messages), len(messages))
			continue
		}
		f := NewFollower(rec.Framing, &VerifyConfig{Keys: rec.Keys, DefaultKeys: true})
		f.Number(1000)
		var all []Followed
		for i := range rec.Exchanges {
			all = append(all, f.Feed(&rec.Exchanges[i])...)
		}
		all = append(all, f.Flush()...)
		if len(all) != len(messages) {
			t.Errorf("%s: %d messages at once, %d one by one", name, len(messages), len(all))
			continue
		}
		for i, m := range messages {
			o, one := res.Messages[i], all[i]
			if o.First != m.First || o.Last != m.Last || o.Name != m.Name || one.Message.First != m.First+1000 || one.Opened.Name != m.Name {
				t.Errorf("%s: message %d: %d to %d %s, opened %d to %d %s, alone %d %s", name, i, m.First, m.Last, m.Name, o.First, o.Last, o.Name, one.Message.First, one.Opened.Name)
			}
			for _, h := range [...]Half{m.Sent, m.Got} {
				if h.Want != nil && h.Right {
					right++
				}
			}
			if (m.After == nil) != (one.Message.After == nil) {
				t.Errorf("%s: message %d: a session after it is %v or %v", name, i, m.After, one.Message.After)
			}
		}
	}
	if right < 200 {
		t.Errorf("only %d halves are right", right)
	}
}

// A half says byte by byte what its protection is: the table of AN12343, tables 35
// and 36.
func TestHalves(t *testing.T) {
	rec, err := ReadFile("../testdata/traces/an12343-t35-t37-value.json")
	if err != nil {
		t.Fatal(err)
	}
	_, messages := Examine(rec, nil)
	credit := messages[1]
	if s := credit.Sent; s.Sealed != (Span{1, 17}) || s.MAC != (Span{17, 25}) || s.Data != 4 || !s.Right || len(s.Plain) != 16 || s.Plain[0] != 0x99 || s.Plain[4] != 0x80 {
		t.Errorf("%+v", s)
	}
	rec.Exchanges[1].Response[2] ^= 1
	_, messages = Examine(rec, nil)
	if g := messages[1].Got; g.Right || len(g.Want) != 8 || g.MAC != (Span{0, 8}) || len(messages[1].Bad) != 1 {
		t.Errorf("%+v %v", g, messages[1].Bad)
	}
}

// A long recording of plain reads in a D40 session, each of which could be an altered
// one, is looked at in bounded time: what is done for it, not how long it takes.
func TestEffortIsBounded(t *testing.T) {
	rec, err := ReadFile("../testdata/traces/nxp-395903-d40-auth.json")
	if err != nil {
		t.Fatal(err)
	}
	answer := append(make([]byte, 400), 0x91, 0x00)
	for i := range answer[:400] {
		answer[i] = 0x5A
	}
	for range 50 {
		rec.Exchanges = append(rec.Exchanges, Exchange{Command: []byte{0x90, 0xBD, 0, 0, 7, 9, 0, 0, 0, 0, 0, 0, 0}, Response: answer})
	}
	v := verify(rec, &VerifyConfig{DefaultKeys: true}, false)
	if v.effort > maxEffort || v.effort < maxEffort/2 {
		t.Fatalf("an effort of %d", v.effort)
	}
	if n := len(v.result().Messages); n != 51 {
		t.Errorf("%d messages", n)
	}
}

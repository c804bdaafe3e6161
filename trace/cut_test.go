package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// What is left of a recording that was cut is checked: all but the command's
// MAC under EV2 and LRP, other messages under D40, and under EV1 nothing more
// of the session.
func TestVerifyCutRecordings(t *testing.T) {
	for _, kind := range kinds {
		for _, own := range [...]bool{true, false} {
			t.Run(fmt.Sprint(kind.name, " own ", own), func(t *testing.T) {
				zero := []Key{{No: -1, Value: key.Zero(kind.typ)}}
				a := attackedSession(t, kind.method, kind.typ, 21, own, newKey(t, kind.typ, 0x20), func(g *generator) {
					if g.pcd == nil {
						g.authenticate(kind.method, 2)
					}
					g.do(&wire.GetKeySettings{}, 0, []byte{0x0F, 0x03})
					g.do(&wire.WriteData{File: 1, Data: []byte("content")}, wire.CommFull, nil)
					g.authenticate(kind.method, 2)
					g.do(&wire.ReadData{File: 1, Length: 7}, wire.CommFull, []byte("content"))
				})
				whole, cut := Verify(a.rec, &VerifyConfig{Keys: zero}), Verify(a.rec.Cut(), &VerifyConfig{Keys: zero})
				if whole.Verdict != Verified || len(whole.Cut) != 0 {
					t.Fatalf("whole: %v, %s", whole.Verdict, whole.Reason())
				}
				if len(cut.Cut) != 1 || cut.Cut[0].Exchange != a.at || !strings.Contains(cut.Cut[0].What, "ChangeKey: its protection was not checked") {
					t.Errorf("cut: %v", cut.Cut)
				}
				if cut.Authentications != whole.Authentications {
					t.Errorf("%d authentications, whole %d", cut.Authentications, whole.Authentications)
				}
				checks := func(r *Result) int { return r.MACs + r.CRCs }
				scheme := a.session.scheme
				if scheme == wire.SchemeEV1 && !own {
					if cut.Verdict != Unverifiable || !strings.Contains(cut.Reason(), fmt.Sprintf("GetKeySettings: not checked, nor what follows it in this session: what carries the key of exchange %d was cut", a.at)) {
						t.Errorf("%v: %s", cut.Verdict, cut.Reason())
					}
					return
				}
				gone := 1 // the command's
				if !own && scheme != wire.SchemeD40 {
					gone = 2 // and the CRC that the new key fits
				}
				if cut.Verdict != Verified || checks(cut) != checks(whole)-gone {
					t.Errorf("%v, %d of %d: %s", cut.Verdict, checks(cut), checks(whole), cut.Reason())
				}

				// The answer to the change is still checked.
				if scheme == wire.SchemeD40 || own {
					return
				}
				rec := a.rec.Cut()
				e := &rec.Exchanges[changeAnswer(rec, a.at)]
				e.Response = bytes.Clone(e.Response)
				span, _ := answerSpan(e.Response, e.framing(rec.Framing))
				e.Response[span.From] ^= 1
				if r := Verify(rec, &VerifyConfig{Keys: zero}); r.Verdict != Failed {
					t.Errorf("a forged answer: %v", r.Verdict)
				}
			})
		}
	}
}

// changeAnswer is the exchange with the answer of the message that begins at.
func changeAnswer(rec *Recording, at int) int {
	j := joiner{framing: rec.Framing}
	for i := range rec.Exchanges {
		for _, m := range append(j.feed(&rec.Exchanges[i]), j.open) {
			if m == nil || m.first() != at || !m.done() {
				continue
			}
			for _, p := range m.frames {
				if len(p.response) > 0 {
					return p.index
				}
			}
		}
	}
	return -1
}

// Whoever marks more as cut than a recorder cuts gets no verdict.
func TestVerifyTakesNoOtherCut(t *testing.T) {
	g := newGenerator(t, 4)
	zero := []Key{{No: -1, Value: key.Zero(key.TypeAES)}}
	g.keys[0] = key.Zero(key.TypeAES)
	g.selectApp([3]byte{1, 2, 3})
	g.authenticate(key.MethodEV2First, 0)
	g.do(&wire.GetKeySettings{}, 0, []byte{0x0F, 0x03})
	g.do(&wire.Debit{File: 1, Amount: 7}, wire.CommMAC, nil)
	if r := Verify(g.rec, &VerifyConfig{Keys: zero}); r.Verdict != Verified {
		t.Fatal(r.Reason())
	}
	for i := range g.rec.Exchanges {
		for _, answer := range [...]bool{false, true} {
			rec := *g.rec
			rec.Exchanges = append([]Exchange(nil), rec.Exchanges...)
			e := &rec.Exchanges[i]
			if answer {
				e.apply(Span{}, Span{0, len(e.Response)})
			} else {
				e.apply(Span{1, len(e.Command)}, Span{})
			}
			if r := Verify(&rec, &VerifyConfig{Keys: zero}); r.Verdict != Unverifiable || !strings.Contains(r.Reason(), "more was cut") {
				t.Errorf("exchange %d: %v, %s", i, r.Verdict, r.Reason())
			}
			Explain(&rec)
		}
	}
}

// The marks survive both formats, and the lines tell them.
func TestCutRecordingsAreWrittenAndRead(t *testing.T) {
	a := attackedSession(t, key.MethodAES, key.TypeAES, 2, false, newKey(t, key.TypeAES, 0x20), func(g *generator) {
		g.do(&wire.GetKeySettings{}, 0, []byte{0x0F, 0x03})
	})
	rec := a.rec.Cut()
	for _, f := range [...]Format{FormatJSON, FormatLines} {
		var b bytes.Buffer
		if err := rec.Write(&b, f); err != nil {
			t.Fatal(err)
		}
		again, _, err := Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if f == FormatLines {
			again.Framing = rec.Framing
			for i := range again.Exchanges {
				again.Exchanges[i].Framing = ""
			}
		}
		if !reflect.DeepEqual(again.Exchanges, rec.Exchanges) {
			t.Errorf("%v:\n%+v\n%+v", f, again.Exchanges, rec.Exchanges)
		}
	}
	text := ""
	for _, l := range Explain(rec) {
		text += l.String() + "\n"
	}
	for _, want := range []string{"ChangeKey  KeyNo=1 Cut={(", "bytes cut)", "[cut: it would tell a key]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for _, bad := range []string{
		`{"exchanges":[{"c":"6a","r":"00","cut":{"c":[0,2]}}]}`,
		`{"exchanges":[{"c":"6a","r":"00","cut":{"c":[1,1]}}]}`,
		`{"exchanges":[{"c":"6a","r":"00","cut":{"r":[-1,1]}}]}`,
		"> 60 # cut: bytes 0 to 9",
	} {
		if _, _, err := Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), "are no part of a frame of 1 bytes") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	// Bytes that are said to be cut are not kept.
	again, _, err := Parse([]byte(`{"exchanges":[{"c":"c401aabb","r":"00","cut":{"c":[2,4]}}]}`))
	if err != nil || !bytes.Equal(again.Exchanges[0].Command, []byte{0xC4, 1, 0, 0}) {
		t.Errorf("%v, %v", again, err)
	}
}

// What the recordings of the test data hold is cut without making a right one
// look wrong, and cut once is cut.
func TestCutPublishedRecordings(t *testing.T) {
	cuts := 0
	for name, rec := range recordings(t) {
		cut := rec.Cut()
		if !reflect.DeepEqual(cut.Cut(), cut) {
			t.Errorf("%s: cut twice it is another", name)
		}
		whole, left := Verify(rec, nil), Verify(cut, nil)
		if whole.Verdict != Failed && left.Verdict == Failed || len(left.Messages) != len(whole.Messages) {
			t.Errorf("%s: %v, cut %v: %s", name, whole.Verdict, left.Verdict, left.Reason())
		}
		cuts += len(left.Cut)
		for i := range left.Messages {
			if o := &left.Messages[i]; o.Spec != nil && o.Spec.Rule == wire.RuleChangeKey && o.Plain != nil {
				t.Errorf("%s: %v", name, o.Lines())
			}
		}
	}
	if cuts < 10 {
		t.Errorf("%d messages were cut", cuts)
	}
}

// A replay accepts any key in the place of the one that was cut, and stops
// where an answer is missing.
func TestPlayerOfACutRecording(t *testing.T) {
	to := newKey(t, key.TypeAES, 0x20)
	a := attackedSession(t, key.MethodEV2First, key.TypeAES, 2, false, to)
	p := NewPlayer(a.rec.Cut())
	for _, e := range a.rec.Exchanges {
		if _, err := p.Transmit(context.Background(), e.Command); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	a = attackedSession(t, key.MethodAES, key.TypeAES, 2, false, to)
	p = NewPlayer(a.rec.Cut())
	var err error
	for _, e := range a.rec.Exchanges {
		if _, err = p.Transmit(context.Background(), e.Command); err != nil {
			break
		}
	}
	if c := (*CutError)(nil); !errors.As(err, &c) || c.Exchange < a.at {
		t.Errorf("%v", err)
	}
}

// Commands to the reader itself may hold keys or frames for the card.
func TestReaderCommandsAreCut(t *testing.T) {
	rec := &Recording{Framing: ISO, Exchanges: []Exchange{
		{Command: []byte{0xFF, 0xCA, 0, 0, 0}, Response: []byte{1, 2, 0x90, 0}},
		{Command: []byte{0xFF, 0x82, 0, 0, 6, 1, 2, 3, 4, 5, 6}, Response: []byte{0x90, 0}},
		{Command: []byte{0x90, 0xC4, 0, 0, 9, 1, 2, 3}, Response: []byte{0x67, 0}}, // no frame
	}}
	rec.Exchanges = append(rec.Exchanges,
		Exchange{Command: []byte{0x90, 0xC6, 0, 0, 0, 0, 3, 1, 2, 9, 0, 0}, Response: []byte{0x91, 0}}, // three bytes of length
		Exchange{Command: []byte{0x90, 0x5C, 0, 0, 0}, Response: []byte{0x91, 0x7E}})
	rec = rec.Cut()
	want := [][3]any{{Span{}, Span{}, byte(1)}, {Span{5, 11}, Span{}, byte(0x90)}, {Span{6, 8}, Span{}, byte(0x67)}, {Span{9, 10}, Span{}, byte(0x91)}, {Span{}, Span{}, byte(0x91)}}
	for i, e := range rec.Exchanges {
		if e.CutCommand != want[i][0] || e.CutResponse != want[i][1] || e.Response[0] != want[i][2] {
			t.Errorf("%d: %+v", i, e)
		}
	}
}

package trace

import (
	"slices"
	"testing"
)

// with returns a copy of rec with one answer changed.
func with(rec *Recording, i int, change func(b []byte)) *Recording {
	c := *rec
	c.Exchanges = slices.Clone(rec.Exchanges)
	c.Exchanges[i].Response = slices.Clone(c.Exchanges[i].Response)
	change(c.Exchanges[i].Response)
	return &c
}

// protectedAnswers are the exchanges whose answers carry, or are part of, a
// MAC, CMAC or cryptogram that Verify checks.
func protectedAnswers(rec *Recording) []int {
	var list []int
	v := newVerifier(rec, rec.Keys, nil)
	j := joiner{framing: rec.Framing, patient: true}
	see := func(m *message) {
		before := v.res
		v.message(m)
		auth := m.isAuth() && v.res.Authentications > before.Authentications
		last := v.res.Messages[len(v.res.Messages)-1]
		secured := last.Scheme != 0 && m.ok() && len(m.rsp) > len(last.PlainAnswer)
		for _, p := range m.frames {
			if (auth || secured) && len(p.response) > 0 && p.raw.Computed == "" {
				list = append(list, p.index)
			}
		}
	}
	for i := range rec.Exchanges {
		for _, m := range j.feed(&rec.Exchanges[i]) {
			see(m)
		}
	}
	if m := j.flush(); m != nil {
		see(m)
	}
	return list
}

// within reports whether what is named first belongs to the message that
// exchange i is part of.
func within(messages []Message, i int, r *Result) bool {
	if len(r.Failures) == 0 {
		return false
	}
	for _, m := range messages {
		if m.First <= i && i <= m.Last {
			return m.First <= r.Failures[0].Exchange && r.Failures[0].Exchange <= m.Last
		}
	}
	return false
}

func TestEveryFlippedBitIsCaught(t *testing.T) {
	total, answers, step := 0, 0, 1
	if testing.Short() {
		step = 61 // not a divisor of 8: all bits of bytes have their turn
	}
	for name, rec := range recordings(t) {
		if !rec.Verified {
			continue
		}
		messages := Follow(rec, nil)
		for _, i := range protectedAnswers(rec) {
			answers++
			for bit := i % step; bit < 8*len(rec.Exchanges[i].Response); bit += step {
				r := Verify(with(rec, i, func(b []byte) { b[bit/8] ^= 1 << (bit % 8) }), nil)
				total++
				if !within(messages, i, r) {
					t.Errorf("%s: exchange %d, bit %d of byte %d: names %v", name, i, bit%8, bit/8, r.Failures)
				}
				if r.Verdict != Failed {
					t.Errorf("%s: exchange %d, bit %d of byte %d: %v (%s)", name, i, bit%8, bit/8, r.Verdict, r.Reason())
				}
			}
		}
	}
	t.Logf("%d bits of %d answers", total, answers)
	if answers < 130 {
		t.Errorf("only %d protected answers found", answers)
	}
}

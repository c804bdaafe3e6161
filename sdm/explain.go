package sdm

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/key"
)

// Cause is why a message may have failed.
type Cause struct {
	// Proved: a MAC of 64 bits is right if it is so. Else it is what can be said
	// without that.
	Proved bool
	Words  string // one sentence or more, without the stop
	Next   string // what to do; empty if nothing
}

// Explain looks for the commonest causes after VerifyReading has found the MAC
// wrong or the PICC data not to decipher: keys swapped, of zeros, not diversified
// or by another scheme, LRP, bytes in another order, another range, a MAC cut in
// another way, in each combination of a few. It tries some thousands of MACs and asks
// the keys some dozen times. The list is never empty. What it proves is no accepted
// message.
func (v *Verifier) Explain(ctx context.Context, r *Reading) []Cause {
	e := &explainer{v: v, r: r, m: &r.Message}
	e.collect(ctx)
	if c := e.prove(ctx); c != nil {
		return []Cause{*c}
	}
	return e.suppose(ctx)
}

// choice is one way that something may have been.
type choice[T any] struct {
	is    T
	words string // empty: as the caller says
	next  string
	cost  int
}

type explainer struct {
	v     *Verifier
	r     *Reading
	m     *Message
	metas []choice[key.Key]
	files []choice[func(context.Context, []byte) (key.Key, error)]
}

func given(k key.Key) func(context.Context, []byte) (key.Key, error) {
	return func(context.Context, []byte) (key.Key, error) { return k, nil }
}

func sameKey(a, b key.Key) bool {
	return a != nil && b != nil && a.Type() == b.Type() && a.CheckValue() == b.CheckValue()
}

// collect lists the keys that may have been used.
func (e *explainer) collect(ctx context.Context) {
	zero := key.Key(key.Zero(key.TypeAES))
	v := e.v
	meta, file := v.MetaRead, v.FileRead
	if meta != nil {
		e.metas = append(e.metas, choice[key.Key]{is: meta})
	}
	for _, k := range v.MetaReads {
		e.metas = append(e.metas, choice[key.Key]{is: k})
	}
	if v.FileReadOf != nil {
		e.files = append(e.files, choice[func(context.Context, []byte) (key.Key, error)]{is: v.FileReadOf})
	} else {
		e.files = append(e.files, choice[func(context.Context, []byte) (key.Key, error)]{is: given(file)})
	}
	addFile := func(k key.Key, words, next string, cost int) {
		if k != nil && k.Type() == key.TypeAES {
			e.files = append(e.files, choice[func(context.Context, []byte) (key.Key, error)]{given(k), words, next, cost})
		}
	}
	if !sameKey(file, zero) || v.FileReadOf != nil {
		addFile(zero, "the MAC is made with a key of zeros: anybody can forge messages of this tag", "Give the tag keys of its own: desfire key change", 1)
	}
	if e.m.PICCData != nil {
		if file != nil && !sameKey(file, meta) {
			e.metas = append(e.metas, choice[key.Key]{file, "the PICC data are enciphered with the file read key", "", 1})
		}
		if !sameKey(meta, zero) {
			e.metas = append(e.metas, choice[key.Key]{zero, "the PICC data are enciphered with a key of zeros", "", 1})
		}
		if !sameKey(file, meta) || v.FileReadOf != nil {
			addFile(meta, "the MAC is made with the meta read key", "", 1)
		}
	}
	if v.FileReadOf == nil && file != nil {
		e.derived(file, "the file read key", 2)
	}
	if m := masterOf(v.scheme); m != nil {
		addFile(m, "the MAC is made with the master key itself: the key of this tag is not diversified", "Give it as --file-key", 1)
		e.derived(m, "the master key", 1)
	}
}

// derived lists what schemes make of a key.
func (e *explainer) derived(master key.Key, name string, cost int) {
	add := func(d Diversifier, scheme string) {
		e.files = append(e.files, choice[func(context.Context, []byte) (key.Key, error)]{once(d.FileRead), fmt.Sprintf("the MAC is made with a key that follows from %s by %s", name, scheme), "Say so by --master-key and --diversify", cost})
		e.metas = append(e.metas, e.metaOf(d, name, scheme, cost)...)
	}
	for v := range uint32(maxBoltVersion) {
		add(&Boltcard{Issuer: master, Version: v}, fmt.Sprintf("boltcard:%d", v))
	}
	if x, ok := master.(key.Exporter); ok && master.Type() == key.TypeAES {
		if b, err := NewBackend(x.Export()); err == nil {
			add(b, "sdm-backend")
			add(b.Legacy(), "sdm-backend:legacy")
		}
	}
	dfName := []byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01}
	for _, a := range []struct {
		d      AN10922
		scheme string
	}{
		{AN10922{Master: master}, "an10922"},
		{AN10922{Master: master, Reversed: true}, "an10922:uid=reversed"},
		{AN10922{Master: master, Tail: []byte{0, 0, 0}}, "an10922:aid=000000"},
		{AN10922{Master: master, Tail: []byte{0, 0, 1}}, "an10922:aid=000001"},
		{AN10922{Master: master, Tail: dfName}, "an10922:aid=D2760000850101"},
	} {
		add(&a.d, a.scheme)
	}
	if a, ok := e.v.scheme.(*AN10922); ok {
		order := "with uid=reversed"
		if a.Reversed {
			order = "without uid=reversed"
		}
		add(&AN10922{Master: master, Tail: a.Tail, Reversed: !a.Reversed}, "the same input, "+order)
	}
}

// once remembers the keys that it has found.
func once(find func(context.Context, []byte) (key.Key, error)) func(context.Context, []byte) (key.Key, error) {
	known := map[string]key.Key{}
	return func(ctx context.Context, uid []byte) (key.Key, error) {
		if k, ok := known[string(uid)]; ok {
			return k, nil
		}
		k, err := find(ctx, uid)
		if err == nil {
			known[string(uid)] = k
		}
		return k, err
	}
}

// masterOf is the master key of a scheme, nil if it is no key of a card.
func masterOf(d Diversifier) key.Key {
	switch d := d.(type) {
	case *AN10922:
		return d.Master
	case *Boltcard:
		return d.Issuer
	case *Backend:
		if k, err := asKey(d.master()); err == nil {
			return k
		}
	}
	return nil
}

const maxBoltVersion = 6 // versions of a card that are tried

func (e *explainer) metaOf(d Diversifier, name, scheme string, cost int) []choice[key.Key] {
	k, err := d.MetaRead(context.Background())
	if e.m.PICCData == nil || err != nil || k == nil {
		return nil
	}
	for _, have := range e.metas {
		if sameKey(have.is, k) {
			return nil
		}
	}
	return []choice[key.Key]{{k, fmt.Sprintf("the PICC data are enciphered with a key that follows from %s by %s", name, scheme), "", cost}}
}

// says are the readings of UID and counter that may enter the session.
func (e *explainer) says(p PICCData) (list []choice[PICCData]) {
	add := func(words string, cost int, change func(*PICCData)) {
		c := p
		c.UID = slices.Clone(p.UID)
		change(&c)
		list = append(list, choice[PICCData]{is: c, words: words, cost: cost})
	}
	add("", 0, func(*PICCData) {})
	plain := e.m.PICCData == nil
	if p.HasCounter {
		back := p.Counter>>16&0xFF | p.Counter&0xFF00 | p.Counter&0xFF<<16
		if back != p.Counter {
			add(fmt.Sprintf("its counter has its bytes in the other order: %d, not %d", back, p.Counter), 2, func(c *PICCData) { c.Counter = back })
		}
		if plain {
			for _, n := range []int64{int64(p.Counter) - 1, int64(p.Counter) + 1} {
				if n >= 0 && n <= MaxCounter {
					add(fmt.Sprintf("its counter is %d, not %d", n, p.Counter), 2, func(c *PICCData) { c.Counter = uint32(n) })
				}
			}
		}
		if p.UID != nil {
			add("the counter does not enter its session keys: the tag was told to mirror no counter", 3, func(c *PICCData) { c.HasCounter, c.Counter = false, 0 })
		}
	}
	if p.UID != nil {
		add("its UID has its bytes in the other order", 3, func(c *PICCData) { slices.Reverse(c.UID) })
		if p.HasCounter {
			add("the UID does not enter its session keys: the tag was told to mirror no UID", 3, func(c *PICCData) { c.UID = nil })
		}
	}
	return list
}

// cuts are the ways to make 8 bytes of a full MAC of 16.
var cuts = []struct {
	words string
	take  func(full []byte) []byte
	cost  int
}{
	{"", func(f []byte) []byte { return odd(f, 1) }, 0},
	{"it is the first half of the full CMAC: cards send the bytes 1, 3, ... 15 of it", func(f []byte) []byte { return f[:8] }, 2},
	{"it is the second half of the full CMAC: cards send the bytes 1, 3, ... 15 of it", func(f []byte) []byte { return f[8:] }, 2},
	{"it is the bytes 0, 2, ... 14 of the full CMAC: cards send the others", func(f []byte) []byte { return odd(f, 0) }, 2},
	{"it has its bytes in the other order", func(f []byte) []byte { b := odd(f, 1); slices.Reverse(b); return b }, 2},
}

func odd(full []byte, first int) (b []byte) {
	for i := first; i < len(full); i += 2 {
		b = append(b, full[i])
	}
	return b
}

// finding is a way in which the MAC is right.
type finding struct {
	cost  int
	words []string
	next  []string
	input *input
}

// prove finds the simplest way in which the MAC is right.
func (e *explainer) prove(ctx context.Context) *Cause {
	var best *finding
	type picc struct {
		choice[PICCData]
		lrp bool
	}
	var piccs []picc
	if e.m.PICCData == nil {
		for _, lrp := range []bool{e.r.Template.lrp, !e.r.Template.lrp} {
			c := choice[PICCData]{is: e.m.Plain}
			if lrp != e.r.Template.lrp {
				c.words, c.next, c.cost = "the tag does not use LRP", "Leave --lrp out", 1
				if lrp {
					c.words, c.next = "the tag uses LRP", "Say --lrp"
				}
			}
			piccs = append(piccs, picc{c, lrp})
		}
	}
	for _, k := range e.metas {
		lrp := e.r.Template.lrp
		if e.m.PICCData == nil || k.is == nil {
			continue
		}
		if p, err := DecipherPICC(ctx, k.is, lrp, e.m.PICCData); err == nil {
			piccs = append(piccs, picc{choice[PICCData]{p, k.words, k.next, k.cost}, lrp})
		}
	}
	for _, p := range piccs {
		for _, s := range e.says(p.is) {
			for _, f := range e.files {
				cost := p.cost + s.cost + f.cost
				if ctx.Err() != nil || best != nil && cost >= best.cost {
					continue
				}
				k, err := f.is(ctx, s.is.UID)
				if err != nil || k == nil {
					continue
				}
				session, err := NewSession(ctx, k, p.lrp, s.is)
				if err != nil {
					continue
				}
				found := e.tryInputs(session, cost, cost == 0)
				if found == nil || best != nil && found.cost >= best.cost {
					continue
				}
				found.words = slices.DeleteFunc(append([]string{p.words, f.words, s.words}, found.words...), func(w string) bool { return w == "" })
				found.next = slices.DeleteFunc([]string{p.next, f.next}, func(w string) bool { return w == "" })
				best = found
			}
		}
	}
	if best == nil {
		return nil
	}
	return e.cause(best)
}

// tryInputs tries the texts that the MAC may cover under one session.
func (e *explainer) tryInputs(s *Session, cost int, every bool) (best *finding) {
	budget := searchAES / 8
	if s.master != nil {
		budget = searchLRP / 16
	}
	stated := e.r.Message.MACInput
	visit := func(b []byte, x *input, more int) {
		full := s.full(b)
		for _, c := range cuts {
			if n := cost + more + c.cost; (best == nil || n < best.cost) && bytes.Equal(c.take(full), e.m.MAC[:]) {
				best = &finding{cost: n, input: x, words: []string{c.words}}
			}
		}
	}
	visit(stated, nil, 0)
	for i, l := range append([]layout{e.r.filled()}, e.r.more...) {
		l.inputs(every && i == 0, &budget, func(x input) bool {
			visit(x.bytes(), &x, 1)
			return false
		})
	}
	return best
}

// cause is a finding in words.
func (e *explainer) cause(f *finding) *Cause {
	c := &Cause{Proved: true}
	words := f.words
	if len(words) >= 2 && words[0] == "the PICC data are enciphered with the file read key" && words[1] == "the MAC is made with the meta read key" {
		words = append([]string{"the two keys are swapped: the PICC data are enciphered with the file read key, and the MAC is made with the meta read key"}, words[2:]...)
		f.next = append(f.next, "Swap --meta-key and --file-key")
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	if f.input != nil && !e.r.Assumed {
		cov := f.input.coverage()
		words = append(words, fmt.Sprintf("it covers %v", cov))
		if cov.Template != "" {
			f.next = append(f.next, "The template is "+cov.Template)
		}
	}
	c.Words = strings.Join(words, "; ")
	c.Next = strings.Join(f.next, ". ")
	return c
}

// tried is what prove has tried.
const tried = "tried and not so: keys swapped, of zeros or following from one of these, LRP, other orders of bytes, other parts of the text, other halves of the CMAC"

// suppose says what can be said where no way was found.
func (e *explainer) suppose(ctx context.Context) []Cause {
	if e.m.PICCData == nil {
		return []Cause{{Words: "a digit was changed, it belongs to another message, or the file read key is another; " + tried}}
	}
	for _, k := range e.metas {
		if k.is == nil {
			continue
		}
		p, err := DecipherPICC(ctx, k.is, e.r.Template.lrp, e.m.PICCData)
		switch {
		case err != nil:
			continue
		case p.UID == nil && k.cost == 0:
			return []Cause{{Words: "the PICC data decipher to a counter and no UID: the tag was told not to mirror the UID, or the meta read key is another; " + tried, Next: "Switch the mirror of the UID on: desfire sdm provision"}}
		case p.UID == nil || p.UID[0] != uidNXP && k.cost > 0:
			continue
		case p.UID[0] != uidNXP:
			return []Cause{{Words: fmt.Sprintf("the PICC data decipher to UID %X, which is none of NXP's: the meta read key is another, most likely; %s", p.UID, tried)}}
		default:
			return []Cause{{Words: fmt.Sprintf("the PICC data decipher to UID %X, counter %d, as those of a tag do%s: the file read key is another, the rest is of another message, or the text was changed; %s", p.UID, p.Counter, because(k.words), tried)}}
		}
	}
	return []Cause{{Words: "no key that was given deciphers them, and none of zeros: the meta read key is another, or a digit was changed; " + tried}}
}

// uidNXP begins the UIDs of NXP's cards.
const uidNXP = 0x04

func because(words string) string {
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}

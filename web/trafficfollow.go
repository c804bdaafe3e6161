package web

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// belief is what the program that talks to the card takes for true after a
// command, as its commands and answers tell.
type belief struct {
	UID     string // of the card; empty: not known
	App     string // selected; empty: not known
	Session bool
	Key     string // that the session was opened with
	Channel string
	Pending []string // changes that wait for the commit
	Values  []value  // of value files
}

// value is what is believed of a value file.
type value struct {
	App    string
	File   wire.FileNo
	Now    int32
	Change int32 // pending
	Doubt  bool  // the change may or may not have happened
}

// mostValues is how many value files are followed.
const mostValues = 8

func (b *belief) size() int {
	n := 120 + len(b.App) + len(b.Key) + 40*len(b.Values)
	for _, p := range b.Pending {
		n += 16 + len(p)
	}
	return n
}

// activated is what stays of a belief when the card is activated anew.
func (b belief) activated() belief {
	c := belief{UID: b.UID, App: wire.PICC.String(), Values: slices.Clone(b.Values)}
	for i := range c.Values {
		if !c.Values[i].Doubt {
			c.Values[i].Change = 0
		}
	}
	return c
}

// lost is a belief when the session has ended, and all that waited with it.
func (b belief) lost() belief {
	c := b.activated()
	c.App = b.App
	return c
}

// following follows what is told of commands.
type following struct {
	now       belief
	auth      string // key of an authentication that goes on
	uid       string // of the last card that told it
	presented int    // one more than the line that says that it was presented
	known     int    // of that, the last that uid was told for
}

// observed adds what the program says of the newest line. words, if not empty,
// are what the line presented should say now that the card is known.
func (f *following) observed(l *line, e *desfire.Exchange) (words string, presented int) {
	t := &told{}
	if e.Err != nil {
		t.err = sentence(errorWords(e.Err))
		if r := []rune(t.err); len(r) > mostError {
			t.err = string(r[:mostError]) + "…"
		}
	}
	command := trace.Fields(e.Command)
	var answer []wire.Field
	if e.Response != nil && e.Err == nil {
		answer = trace.Fields(e.Response)
	}
	if s := about(command, answer); s != "" {
		l.about = s
	}
	l.effect = e.Command.Spec().Effect
	if l.shape != shapeAuth {
		l.session, l.shape = e.Session != wire.SchemeNone && e.Command.Spec().Rule != wire.RulePlain, shapeClear
		if l.session && e.Mode == wire.CommMAC {
			l.shape = shapeMAC
		} else if l.session && (e.Mode == wire.CommFull || e.Mode == wire.CommOwn) {
			l.shape = shapeFull
		}
	}
	switch {
	case e.Err == nil, l.bad != "" && !errors.As(e.Err, new(*desfire.IntegrityError)):
	case errors.As(e.Err, new(*desfire.IntegrityError)):
		l.bad = "not to be trusted"
	case e.Status != 0 && e.Status != wire.StatusAdditionalFrame:
		l.bad = e.Status.String()
	default:
		l.bad = "failed"
	}
	if l.shape == shapeFull {
		t.command, t.answer = shortened(command), shortened(answer)
	}
	before := f.now
	f.learn(l, e, command)
	l.ends = before.Session && !f.now.Session
	words, presented = f.card(e)
	t.after = f.now
	l.told = t
	return words, presented
}

// inserted takes note of the line that says that a card was presented.
func (f *following) inserted(seq int) {
	f.presented = seq + 1
	f.now = belief{Values: f.now.Values}
}

// card takes note of the card's UID.
func (f *following) card(e *desfire.Exchange) (words string, presented int) {
	var uid []byte
	switch r := e.Response.(type) {
	case *wire.Version:
		uid = r.UID[:]
	case *wire.CardUID:
		uid = r.UID
	}
	if e.Err != nil || len(uid) == 0 || strings.Trim(string(uid), "\x00") == "" {
		return "", 0
	}
	id := fmt.Sprintf("%X", uid)
	again := id == f.uid
	f.uid, f.now.UID = id, id
	if f.known == f.presented {
		return "", 0
	}
	f.known = f.presented
	if again {
		return "Presented again: " + id + ", the same card", f.presented
	}
	return "Card presented: " + id, f.presented
}

// learn takes in what a command and its answer mean for what is believed.
func (f *following) learn(l *line, e *desfire.Exchange, command []wire.Field) {
	b := &f.now
	if l.shape == shapeAuth {
		if k := about(command, nil); strings.Contains(k, "key ") {
			f.auth = k
		}
		if !l.goesOn {
			*b = b.lost()
		}
		if l.opens && e.Err == nil {
			b.Session, b.Key = true, f.auth
			b.Channel = strings.TrimSuffix(strings.TrimPrefix(l.name, "Authenticate"), "First")
			if b.Channel == "" {
				b.Channel = "D40"
			}
		}
		return
	}
	if e.Err != nil {
		f.failed(e)
		return
	}
	switch c := e.Command.(type) {
	case *wire.SelectApplication:
		*b = b.lost()
		b.App = about(command, nil)
	case *wire.ISOSelect:
		*b = b.lost()
		b.App = about(command, nil)
	case *wire.GetValue:
		if r, ok := e.Response.(*wire.Value); ok {
			v := b.value(c.File)
			v.Now, v.Doubt = r.Value, false
			if len(b.Pending) == 0 {
				v.Change = 0
			}
			b.set(v)
		}
	case *wire.Debit:
		b.change(c.File, -c.Amount)
	case *wire.Credit:
		b.change(c.File, c.Amount)
	case *wire.LimitedCredit:
		b.change(c.File, c.Amount)
	case *wire.CommitTransaction:
		b.settle(true)
	case *wire.AbortTransaction:
		b.settle(false)
	}
	if l.effect == wire.EffectPending {
		b.Pending = append(slices.Clip(b.Pending), strings.TrimSpace(l.name+" "+l.about))
	}
}

// failed takes in that a command failed: the session is over, and what waited is
// gone, unless it was a commit that may have happened.
func (f *following) failed(e *desfire.Exchange) {
	b := &f.now
	if e.Command.Spec().Effect == wire.EffectCommit && !errors.As(e.Err, new(*desfire.ArgumentError)) {
		vs := slices.Clone(b.Values)
		for i := range vs {
			vs[i].Doubt = vs[i].Change != 0
		}
		b.Values = vs
	}
	*b = b.lost()
}

// value is what is believed of a file of the selected application.
func (b *belief) value(no wire.FileNo) value {
	for _, v := range b.Values {
		if v.App == b.App && v.File == no {
			return v
		}
	}
	return value{App: b.App, File: no}
}

func (b *belief) set(v value) {
	vs := slices.DeleteFunc(slices.Clone(b.Values), func(x value) bool { return x.App == v.App && x.File == v.File })
	if len(vs) == mostValues {
		vs = vs[1:]
	}
	b.Values = append(vs, v)
}

// change notes a change of a value that was read.
func (b *belief) change(no wire.FileNo, by int32) {
	for _, v := range b.Values {
		if v.App == b.App && v.File == no {
			v.Change += by
			b.set(v)
			return
		}
	}
}

// settle ends a transaction.
func (b *belief) settle(happened bool) {
	b.Pending = nil
	vs := slices.Clone(b.Values)
	for i := range vs {
		if vs[i].App != b.App || vs[i].Doubt {
			continue
		}
		if happened {
			vs[i].Now += vs[i].Change
		}
		vs[i].Change = 0
	}
	b.Values = vs
}

package dissect

import (
	"cmp"
	"slices"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/trace"
)

// Recording takes a whole recording apart. conf may be nil.
func Recording(rec *trace.Recording, conf *Config) *Result {
	d := newDissector(conf)
	found, followed := trace.Examine(rec, &trace.VerifyConfig{Keys: d.conf.Keys, DefaultKeys: d.conf.DefaultKeys})
	r := &Result{Exchanges: len(rec.Exchanges), Verified: found, First: -1}
	failures := make(map[int][]trace.Failure)
	for _, f := range slices.Concat(found.Failures, found.Cut) {
		failures[f.Exchange] = append(failures[f.Exchange], f)
	}
	exchange := func(i int) *trace.Exchange {
		if i < 0 || i >= len(rec.Exchanges) {
			return nil
		}
		return &rec.Exchanges[i]
	}
	for i := range followed {
		t := &followed[i]
		var own []trace.Failure
		for _, f := range t.Frames {
			own = append(own, failures[f.Exchange]...)
		}
		r.Messages = append(r.Messages, d.message(t, &found.Messages[i], own, exchange))
	}
	slices.SortStableFunc(r.Messages, func(a, b *Message) int { return cmp.Compare(a.No, b.No) })
	r.Diagnosed = diagnose.Recording(rec, &diagnose.Config{Keys: d.conf.Keys, DefaultKeys: d.conf.DefaultKeys})
	r.explain()
	r.close()
	r.count(followed)
	r.cards(found.Messages)
	r.keys(rec, &d.conf, followed)
	return r
}

// close says of each session which message is its last.
func (r *Result) close() {
	last := make(map[int]*Message)
	for _, m := range r.Messages {
		if m.Session.No > 0 {
			last[m.Session.No] = m
		}
	}
	for _, m := range last {
		m.Session.Last = true
		m.Session.Cut = !m.Answered && m.Foreign == ""
	}
}

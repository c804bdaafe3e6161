package trace

import "slices"

// Examine is Verify and Follow in one go: the messages are those of the Result,
// one for one. cfg may be nil.
func Examine(rec *Recording, cfg *VerifyConfig) (*Result, []Message) {
	v := verify(rec, cfg, true)
	return v.result(), v.followed
}

// Follower is Examine for traffic that goes on: it takes exchange by exchange,
// and keeps none. What a recording tells of a file only after it was used, it
// does not know. It is not safe for concurrent use.
type Follower struct {
	v    *verifier
	j    joiner
	next int
}

// maxEffortLive bounds the search for a wrong bit in one answer of traffic that
// goes on: some milliseconds.
const maxEffortLive = 1 << 17

// Followed is a message that is complete, with what was found wrong while it
// was looked at, or could not be checked.
type Followed struct {
	Message  Message
	Opened   Opened
	Failures []Failure
}

// NewFollower makes a Follower. framing is that of a Recording; cfg may be nil.
func NewFollower(framing string, cfg *VerifyConfig) *Follower {
	if cfg == nil {
		cfg = new(VerifyConfig)
	}
	v := newVerifier(&Recording{Framing: framing}, cfg.allKeys(nil), nil)
	v.keep, v.follow, v.cutter.framing = cfg.KeepKeys, true, framing
	return &Follower{v: v, j: joiner{framing: framing, patient: true}}
}

// Number lets the next exchange have number n, and those after it the numbers
// that follow: of a recording from its middle on. The first one has 0 without.
func (f *Follower) Number(n int) { f.next, f.j.next = n, n }

// Feed takes the next exchange and returns the messages that are complete now.
// It keeps e until then.
func (f *Follower) Feed(e *Exchange) []Followed {
	f.v.overcut(f.next, e)
	f.next++
	return f.follow(f.j.feed(e))
}

// Flush returns the message that was not finished, if there is one.
func (f *Follower) Flush() []Followed {
	if m := f.j.flush(); m != nil {
		return f.follow([]*message{m})
	}
	return nil
}

func (f *Follower) follow(done []*message) (list []Followed) {
	for _, m := range done {
		f.v.searches, f.v.trials, f.v.effort = 0, 0, maxEffort-maxEffortLive
		f.v.message(m)
		r := &f.v.res
		found := slices.Concat(r.Failures, f.v.doubtful, f.v.rejected, f.v.reasons, r.Cut)
		list = append(list, Followed{f.v.followed[0], r.Messages[0], found})
		r.Failures, r.Cut, f.v.doubtful, f.v.reasons, f.v.rejected = nil, nil, nil, nil, nil
		f.v.followed, r.Messages = nil, nil
		for _, p := range m.frames {
			delete(f.v.over, p.index)
		}
	}
	return list
}

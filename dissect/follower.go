package dissect

import "github.com/go-desfire/desfire/trace"

// Follower takes traffic apart that goes on, message by message. It keeps
// nothing of what it has returned. It is not safe for concurrent use.
type Follower struct {
	d       *dissector
	follow  *trace.Follower
	next    int
	waiting map[int]*trace.Exchange
}

// NewFollower makes a Follower for exchanges of a framing, that of a
// trace.Recording. conf may be nil.
func NewFollower(framing string, conf *Config) *Follower { return newFollower(framing, nil, conf) }

func newFollower(framing string, keys []trace.Key, conf *Config) *Follower {
	d := newDissector(conf)
	cfg := &trace.VerifyConfig{Keys: append(append([]trace.Key(nil), d.conf.Keys...), keys...), DefaultKeys: d.conf.DefaultKeys}
	return &Follower{d: d, follow: trace.NewFollower(framing, cfg), waiting: make(map[int]*trace.Exchange)}
}

// Number lets the next exchange have number n, and those after it the numbers
// that follow. The first one has 0 without.
func (f *Follower) Number(n int) {
	f.next = n
	f.follow.Number(n)
}

// Feed takes the next exchange and returns the messages that are complete now:
// usually the one it belongs to, none in the middle of a chain. Messages share
// the bytes of their frames with e.
func (f *Follower) Feed(e trace.Exchange) []*Message {
	f.waiting[f.next] = &e
	f.next++
	return f.messages(f.follow.Feed(&e))
}

// Flush returns the message that was not finished, if there is one.
func (f *Follower) Flush() []*Message { return f.messages(f.follow.Flush()) }

func (f *Follower) messages(list []trace.Followed) []*Message {
	var out []*Message
	for i := range list {
		l := &list[i]
		m := f.d.message(&l.Message, &l.Opened, l.Failures, func(i int) *trace.Exchange { return f.waiting[i] })
		for _, p := range l.Message.Frames {
			delete(f.waiting, p.Exchange)
		}
		out = append(out, m)
	}
	return out
}

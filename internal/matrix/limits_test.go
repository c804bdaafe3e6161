package matrix_test

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// limit is a rule of the cards because of which no reader can know better.
type limit struct {
	name string
	why  string
	cite string
	lie  lie
	// holds reports whether the rule explains what happened at an exchange.
	holds func(c *cell, f *fault, at int, o *outcome) bool
}

var limits = []*limit{
	{
		name: "status unauthenticated",
		why:  "A refusal carries no MAC. The command changed the card at once, and its forged refusal is one that a card may give; the error says so (Proven is false).",
		cite: "command reference 4.5; secure-messaging reference 3.6, 4.8",
		lie:  deniedStep,
		holds: func(c *cell, f *fault, at int, o *outcome) bool {
			return o.refused && c.job.immediate && refusal(c.shown(f, at))
		},
	},
	{
		name:  "no session",
		why:   "Nothing is protected: a forged success or a changed answer looks like the card's.",
		cite:  "command reference 5",
		lie:   believedStep,
		holds: func(c *cell, f *fault, at int, _ *outcome) bool { return !c.ch.session() && success(c.shown(f, at)) },
	},
	{
		name:  "no session",
		why:   "Nothing is protected: a forged success or a changed answer looks like the card's.",
		cite:  "command reference 5",
		lie:   believedData,
		holds: func(c *cell, f *fault, at int, _ *outcome) bool { return !c.ch.session() && success(c.shown(f, at)) },
	},
	{
		name: "D40 answers",
		why:  "A D40 session protects data only: the success of a command that returns none carries nothing.",
		cite: "command reference 5.1; secure-messaging reference 2.3",
		lie:  believedStep,
		holds: func(c *cell, f *fault, at int, _ *outcome) bool {
			return c.ch.scheme == wire.SchemeD40 && success(c.shown(f, at)) && len(c.shown(f, at)) == 2
		},
	},
	{
		name: "D40 answers",
		why:  "A D40 session protects data only: the success of a command that returns none carries nothing.",
		cite: "command reference 5.1; secure-messaging reference 2.3",
		lie:  plainBelieved,
		holds: func(c *cell, _ *fault, _ int, o *outcome) bool {
			return c.ch.scheme == wire.SchemeD40 && strings.HasPrefix(o.lies[plainBelieved], "Debit")
		},
	},
	{
		name: "D40 repeats",
		why:  "Each message of a D40 session starts anew: an earlier answer to the same command passes again.",
		cite: "command reference 5.1; secure-messaging reference 2.3",
		lie:  believedData,
		holds: func(c *cell, f *fault, at int, _ *outcome) bool {
			return c.ch.scheme == wire.SchemeD40 && bytes.Equal(c.shown(f, at), sameBefore(c.clean, at))
		},
	},
	{
		name: "session over with the answer",
		why:  "A change of the session's own key, and RollKeySet, end the session: the answer carries no MAC. Prove the new key.",
		cite: "command reference 7.3, 7.4",
		lie:  believedStep,
		holds: func(c *cell, f *fault, at int, _ *outcome) bool {
			if at > len(c.clean) || !success(c.shown(f, at)) || len(c.shown(f, at)) != 2 {
				return false
			}
			ins := c.clean[at-1].command[1]
			own := strings.HasSuffix(c.job.name, "own") || strings.HasSuffix(c.job.name, "PICC")
			return c.ch.session() && (ins == 0xC4 && own || ins == 0x55)
		},
	},
	{
		name:  "plain file",
		why:   "In an EV2 session a file of mode plain travels without a MAC, both ways.",
		cite:  "command reference 5.3, 5.5",
		lie:   believedData,
		holds: func(c *cell, f *fault, at int, _ *outcome) bool { return c.ch.plainFiles() && success(c.shown(f, at)) },
	},
	{
		name: "plain file",
		why:  "In an EV2 session a file of mode plain travels without a MAC, both ways.",
		cite: "command reference 5.3, 5.5",
		lie:  believedStep,
		holds: func(c *cell, f *fault, at int, _ *outcome) bool {
			return c.ch.plainFiles() && c.job.name == "chained write" && success(c.shown(f, at))
		},
	},
}

func (ch *channel) plainFiles() bool { return ch.scheme == wire.SchemeEV2 && ch.mode == wire.CommPlain }

// shown is the frame that the reader saw in the faulty exchange; nil for none.
func (c *cell) shown(f *fault, at int) []byte {
	x := c.withForeign(f, at)
	b, err := x.shown(&air{clean: c.clean, at: at, cancel: func(error) {}}, c.clean[at-1].answer)
	if err != nil {
		return nil
	}
	return b
}

// success reports whether a frame says that all went well.
func success(frame []byte) bool {
	n := len(frame)
	return n >= 2 && frame[n-2] == 0x91 && (frame[n-1] == 0 || frame[n-1] == 0x90) || n >= 2 && frame[n-2] == 0x90 && frame[n-1] == 0
}

// refusal reports whether a frame says no as a card may: with a status, and
// nothing before it.
func refusal(frame []byte) bool {
	n := len(frame)
	if n != 2 || success(frame) {
		return false
	}
	s := wire.Status(frame[n-2])<<8 | wire.Status(frame[n-1])
	return s.IsNative() && s.Known() && s != wire.StatusAdditionalFrame
}

// knowable finds the rule that explains a lie, nil if there is none.
func (c *cell) knowable(l lie, f *fault, at int, o *outcome) *limit {
	for _, x := range limits {
		if x.lie == l && x.holds(c, f, at, o) {
			return x
		}
	}
	return nil
}

// pin is a row of the table of what no reader can know.
type pin struct{ rule, job, channel, fault string }

func (p pin) String() string {
	return fmt.Sprintf("%s\t%s\t%s\t%s", p.rule, p.channel, p.job, p.fault)
}

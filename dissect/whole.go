package dissect

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// explain puts the causes that a diagnosis finds to the messages they are of.
func (r *Result) explain() {
	for _, f := range r.Diagnosed.Findings {
		m := r.At(f.Exchange)
		if m == nil {
			continue
		}
		i := slices.IndexFunc(m.Verdicts, func(v Verdict) bool { return v.Outcome == Refused })
		if i < 0 {
			m.Verdicts = append(m.Verdicts, Verdict{Outcome: Refused, Words: "the card refused it: " + m.Words})
			i = len(m.Verdicts) - 1
		}
		m.Verdicts[i].Causes = append(m.Verdicts[i].Causes, Cause{f.Sure, f.Text, f.Next})
	}
	for _, m := range r.Messages {
		for i := range m.Verdicts {
			slices.SortStableFunc(m.Verdicts[i].Causes, func(a, b Cause) int { return int(b.Sure) - int(a.Sure) })
		}
	}
}

// count counts checks and finds the first that is wrong.
func (r *Result) count(followed []trace.Message) {
	t := &r.Checks
	t.MACs.Right, t.CRCs.Right, t.Authentications.Right = r.Verified.MACs, r.Verified.CRCs, r.Verified.Authentications
	t.MACs.All, t.CRCs.All, t.Authentications.All = t.MACs.Right, t.CRCs.Right, t.Authentications.Right
	for i, m := range r.Messages {
		for _, v := range m.Verdicts {
			if v.Outcome != Refused {
				continue
			}
			if r.First < 0 && v.Check != "" {
				r.First = i
			}
			switch v.Check {
			case trace.CheckCommandMAC, trace.CheckAnswerMAC:
				t.MACs.All++
			case trace.CheckCommandCRC, trace.CheckAnswerCRC:
				t.CRCs.All++
			}
		}
	}
	for i := range followed {
		if m := &followed[i]; opens(m) && len(m.Frames) > 1 && (m.Opening == nil || m.Opening.Altered != "") {
			t.Authentications.All++
		}
	}
	if r.First >= 0 {
		return
	}
	r.First = slices.IndexFunc(r.Messages, func(m *Message) bool {
		return slices.ContainsFunc(m.Verdicts, func(v Verdict) bool { return v.Outcome == Refused })
	})
}

// keys lists the keys that were tried, and the authentications they fit.
func (r *Result) keys(rec *trace.Recording, conf *Config, followed []trace.Message) {
	used := make(map[string][]int)
	for i := range followed {
		if o := followed[i].Opening; o != nil {
			used[o.Key] = append(used[o.Key], followed[i].First)
		}
	}
	add := func(name string, k *key.Secret) {
		if k == nil {
			return
		}
		words := key.String(k)
		i := slices.IndexFunc(r.Keys, func(u KeyUse) bool { return u.Words == words })
		switch {
		case i < 0:
			r.Keys = append(r.Keys, KeyUse{name, words, used[words]})
		case !slices.Contains(strings.Split(r.Keys[i].Name, ", "), name):
			r.Keys[i].Name = joinedBy(r.Keys[i].Name, name, ", ")
		}
	}
	for _, k := range conf.Keys {
		add(k.Note, k.Value)
	}
	for _, k := range rec.Keys {
		add(joinedBy("in the recording", k.Note, ": "), k.Value)
	}
	if conf.DefaultKeys {
		for _, t := range [...]key.Type{key.TypeAES, key.TypeDES, key.Type3K3DES} {
			add("default of zeros", key.Zero(t))
		}
	}
	for i := range followed {
		o := followed[i].Opening
		if o != nil && !slices.ContainsFunc(r.Keys, func(u KeyUse) bool { return u.Words == o.Key }) {
			r.Keys = append(r.Keys, KeyUse{keyName(o.Note), o.Key, used[o.Key]})
		}
	}
}

// cards finds what cards said of themselves.
func (r *Result) cards(messages []trace.Opened) {
	add := func(uid []byte, product string) {
		if len(bytes.Trim(uid, "\x00")) == 0 {
			uid = nil
		}
		i := slices.IndexFunc(r.Cards, func(c Card) bool { return bytes.Equal(c.UID, uid) })
		switch {
		case i < 0 && len(r.Cards) < mostCards:
			r.Cards = append(r.Cards, Card{slices.Clone(uid), product})
		case i >= 0 && r.Cards[i].Product == "":
			r.Cards[i].Product = product
		}
	}
	for i := range messages {
		switch a := messages[i].Response.(type) {
		case *wire.Version:
			add(a.UID[:], a.Product())
		case *wire.CardUID:
			add(a.UID, "")
		}
	}
}

const mostCards = 16

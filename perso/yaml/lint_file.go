package yaml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/wire"
)

// file judges one: what its rights grant, and what nobody may.
func (l *linter) file(i, j int) {
	a, f := l.apps[i], l.apps[i].files[j]
	x := &l.layout.Applications[i].Files[j]
	s := &x.Settings
	what := l.fileWords(i, j)
	at := func(member string) yamlnode.Position {
		if n := f.members[member]; n != nil {
			return n.Position
		}
		return f.at
	}
	for _, risk := range inspect.LockOuts(nil, s) {
		l.add(f.at, SeverityWarning, "%s: %s", what, risk)
	}
	for _, r := range inspect.Remarks(s) {
		severity := SeverityWarning
		if strings.HasPrefix(r, "nobody can") {
			severity = SeverityNote
		}
		l.add(f.at, severity, "%s: %s", what, r)
	}
	if s.Access.Change == wire.Never {
		l.add(at("change"), SeverityWarning, "%s: nobody can ever change its rights", what)
	}
	l.grants(i, j, at)
	if c := f.content; c != nil && c.pad == nil && c.columns != nil && !f.initial {
		l.add(c.at, SeverityNote, "%s: without pad, what stands behind a shorter content stays as it was", what)
	}
	if m := s.SDM; m != nil {
		if m.Access.FileRead() == 0 {
			l.add(at("sdm"), SeverityWarning, "%s: the MAC of messages is made with the master key: whoever checks messages could change the application", what)
		}
		if m.Access.MetaRead() == m.Access.FileRead() && m.Access.MetaRead() < wire.Free {
			l.add(at("sdm"), SeverityWarning, "%s: one key enciphers who the card is and makes the MAC: the first must be the same for all cards, the other should not", what)
		}
	}
	if a.tmac != nil && s.Type == wire.FileTransactionMAC && a.numbers[a.tmac.name] != nil {
		l.add(a.tmac.at, SeverityWarning, "%s: its key is also key %d of the application: whoever debits could make the MACs of transactions", what, a.numbers[a.tmac.name][0])
	}
}

// grants says what rights give beyond their word.
func (l *linter) grants(i, j int, at func(string) yamlnode.Position) {
	a := l.apps[i]
	s := &l.layout.Applications[i].Files[j].Settings
	for _, right := range inspect.WrittenRights(s.Type) {
		if right == inspect.RightChange || right == inspect.RightRead || right == inspect.RightNameReader {
			continue
		}
		who, alone := holders(s, right)
		if len(who) == 0 && !alone {
			continue
		}
		// What this right gives, and others of the same key do not say.
		only := wire.FileSettings{Type: s.Type, Flags: s.Flags, Access: inspect.NoAccess}
		if err := (inspect.WrittenAccess{right: wire.Free}).Apply(s.Type, &only.Access); err != nil {
			continue
		}
		var acts []string
		for _, g := range inspect.RightsOf(&only) {
			if g.Possible() && !plain(right, g.Act) {
				acts = append(acts, string(g.Act))
			}
		}
		if len(acts) == 0 {
			continue
		}
		names := make([]string, 0, len(who))
		for _, no := range who {
			if name := a.name(no); name != "" {
				names = append(names, name)
			} else {
				names = append(names, fmt.Sprintf("key %d", no))
			}
		}
		if alone {
			names = []string{"everybody"}
		}
		l.add(at(rightWord(right)), SeverityNote, "%s: who has %s (%s) may %s as well", l.fileWords(i, j), rightWord(right), strings.Join(names, ", "), andWords(acts))
	}
}

// andWords is "a", "a and b", "a, b and c".
func andWords(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// plain reports whether an act is what the word of a right says.
func plain(right inspect.Right, act inspect.Act) bool {
	return slices.Contains(map[inspect.Right][]inspect.Act{
		inspect.RightDebit:     {inspect.ActDebit},
		inspect.RightRefund:    {inspect.ActLimitedCredit},
		inspect.RightCredit:    {inspect.ActCredit},
		inspect.RightWrite:     {inspect.ActWrite, inspect.ActAppend},
		inspect.RightReadWrite: {inspect.ActRead, inspect.ActWrite, inspect.ActAppend},
	}[right], act)
}

// holders are the keys that a right names, in any set; free if everybody has it.
func holders(s *wire.FileSettings, right inspect.Right) (keys []wire.KeyNo, free bool) {
	for _, set := range append([]wire.AccessRights{s.Access}, s.Additional...) {
		var who wire.Access
		switch right {
		case inspect.RightRead, inspect.RightDebit:
			who = set.Read
		case inspect.RightWrite, inspect.RightRefund:
			who = set.Write
		default:
			who = set.ReadWrite
		}
		switch {
		case who == wire.Free:
			free = true
		case who != wire.Never && !slices.Contains(keys, wire.KeyNo(who)):
			keys = append(keys, wire.KeyNo(who))
		}
	}
	return keys, free
}

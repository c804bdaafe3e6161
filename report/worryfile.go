package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// altering are acts that change what a file holds, in the words of a sentence.
var altering = []struct {
	act   inspect.Act
	words string
}{
	{inspect.ActWrite, "write"}, {inspect.ActCredit, "credit"}, {inspect.ActDebit, "debit"}, {inspect.ActLimitedCredit, "give back"},
	{inspect.ActAppend, "append records"}, {inspect.ActClear, "clear all records"},
}

// files looks at one file.
func (w *worrier) files(x *Application, f *File) {
	fs, rights := f.card.Settings, f.card.Rights
	if fs == nil {
		return
	}
	if g, _ := rights.Of(inspect.ActChange); g.Free {
		w.about(TopicRights, Bad, "Anyone can change who may do what with it.", "And so take every other right.")
	}
	var can []string
	for _, a := range altering {
		if g, ok := rights.Of(a.act); ok && g.Free {
			can = append(can, a.words)
		}
	}
	money := slices.Contains(can, "credit") || slices.Contains(can, "debit") || slices.Contains(can, "give back")
	switch {
	case money:
		w.about(TopicRights, Bad, fmt.Sprintf("Anyone can %s the value.", list(can)), "No key is asked for.")
	case can != nil && signs(fs):
		w.about(TopicRights, Bad, "Anyone can write over the message that the card signs.", "The card then signs what a stranger wrote.")
	case can != nil && x.NDEF != nil && x.NDEF.File == f.File:
		w.about(TopicRights, Doubt, "Anyone can write what phones read here.", "Another address can be put there, which looks like that of the tag's owner.")
	case can != nil:
		w.about(TopicRights, Bad, fmt.Sprintf("Anyone can %s.", list(can)), "No key is asked for: what it holds proves nothing.")
	}
	w.protection(x, f)
	if fs.SDM != nil {
		w.messages(fs)
	}
	for _, r := range f.Remarks {
		if strings.Contains(r, "does not have") || strings.HasPrefix(r, "nobody") {
			w.add(Note, strings.ToUpper(r[:1])+r[1:]+".", "As its rights say.")
		}
	}
}

// protection looks at what travels in clear though a key is asked for.
func (w *worrier) protection(x *Application, f *File) {
	fs := f.card.Settings
	read, value := inspect.ActRead, false
	if fs.Type == wire.FileValue {
		read, value = inspect.ActGetValue, true
	}
	g, _ := f.card.Rights.Of(read)
	isTag := x.NDEF != nil && x.NDEF.File == f.File || fs.SDM != nil
	switch {
	case g.Free && !isTag && fs.Type != wire.FileTransactionMAC && !isCC(f.card.ISOID):
		w.add(Note, fmt.Sprintf("Anyone can %s it.", map[bool]string{true: "get", false: "read"}[value]), "Every reader that the card is held to, without a key.")
	case !g.Free && g.Possible() && fs.Comm() == wire.CommPlain:
		w.about(TopicRights, Doubt, "A key is asked for, and then the data travel in clear.", "Who listens reads them, and without a MAC who is between can change them.")
	}
}

func isCC(id inspect.Hex) bool { return string(id) == "\xE1\x03" }

// messages looks at secure dynamic messaging.
func (w *worrier) messages(fs *wire.FileSettings) {
	s := fs.SDM
	if s.Access.MetaRead() == wire.Free && s.Options.Has(wire.SDMUID) {
		w.add(Note, "Its messages show the UID in plain.", "Whoever sees the address can follow the tag.")
	}
	if s.Access.FileRead() == wire.Never {
		w.add(Doubt, "Its messages have no MAC.", "Anybody can make such an address: a back end cannot tell them apart.")
	}
}

// signs reports whether the card puts a MAC on what a file shows.
func signs(fs *wire.FileSettings) bool {
	return fs.SDM != nil && fs.SDM.Access.FileRead() != wire.Never
}

// list joins words with commas and "and".
func list(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

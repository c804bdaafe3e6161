package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// Rights of files as flags: one key each, in words. What the words are is the
// business of package inspect.

const helpRights = `A right is the number of one key, free for everybody, or never for nobody:

  data files       --read reads, --write writes, --read-write does both
  record files     --read reads, --write appends, --read-write clears as well
  value files      --debit gets and debits, --refund has limited credit as
                   well, --credit does all of it
  transaction MAC  --read reads it, --name-reader names the reader, which every
                   transaction then needs, and reads it too
  all of them      --change changes mode and rights

--also 'read=1,write=2' gives a further set of rights (EV2, EV3), up to 7 times:
a key that any set names has the right. What a set does not name is never.`

// rightFlags are the rights that flags give.
type rightFlags struct {
	said map[inspect.Right]*string
	also []string
}

func (r *rightFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	r.said = map[inspect.Right]*string{}
	for _, right := range allRights {
		r.said[right.right] = f.String(string(right.right), "", right.usage)
		_ = cmd.RegisterFlagCompletionFunc(string(right.right), cobra.FixedCompletions([]string{"0", "free", "never"}, cobra.ShellCompDirectiveNoFileComp))
	}
	f.StringArrayVar(&r.also, "also", nil, "a further set of `RIGHTS`, such as read=1,write=2; may be repeated")
}

var allRights = []struct {
	right inspect.Right
	usage string
}{
	{inspect.RightRead, "`KEY` that reads"},
	{inspect.RightWrite, "`KEY` that writes, or appends records"},
	{inspect.RightReadWrite, "`KEY` that does both, and clears records"},
	{inspect.RightDebit, "`KEY` that gets and debits a value"},
	{inspect.RightRefund, "`KEY` that has limited credit as well"},
	{inspect.RightCredit, "`KEY` that credits, and does all of that"},
	{inspect.RightNameReader, "`KEY` that names the reader of transactions"},
	{inspect.RightChange, "`KEY` that changes mode and rights"},
}

// noFurther is what --also says for no further set.
const noFurther = "none"

// set reads the flags. further is nil if nothing was said of further sets, and
// empty if there are to be none.
func (r *rightFlags) set(cmd *cobra.Command) (said inspect.WrittenAccess, further []inspect.WrittenAccess, err error) {
	said = inspect.WrittenAccess{}
	for right, text := range r.said {
		if !cmd.Flags().Changed(string(right)) {
			continue
		}
		a, err := inspect.ParseAccess(*text)
		if err != nil {
			return nil, nil, &usageError{cmd, fmt.Errorf("--%s %w", right, err)}
		}
		said[right] = a
	}
	switch {
	case len(r.also) == 0:
		return said, nil, nil
	case len(r.also) == 1 && r.also[0] == noFurther:
		return said, []inspect.WrittenAccess{}, nil
	case len(r.also) > 7: // command reference 3.8
		return nil, nil, &usageError{cmd, fmt.Errorf("--also %d times: cards take 7 further sets", len(r.also))}
	}
	for _, text := range r.also {
		set, err := inspect.ParseWrittenAccess(text)
		if err != nil {
			return nil, nil, &usageError{cmd, fmt.Errorf("--also %w", err)}
		}
		if _, ok := set[inspect.RightChange]; ok {
			return nil, nil, &usageError{cmd, fmt.Errorf("--also %q: further sets do not say who changes the settings", text)}
		}
		further = append(further, set)
	}
	return said, further, nil
}

// apply puts what was said into the settings of a file.
func applyRights(cmd *cobra.Command, fs *wire.FileSettings, said inspect.WrittenAccess, further []inspect.WrittenAccess) error {
	usage := func(err error) error {
		var foreign *inspect.ForeignRightError
		if errors.As(err, &foreign) && foreign.Same != "" {
			return &usageError{cmd, fmt.Errorf("--%s: a %v file has no such right: say --%s, for %s", foreign.Right, foreign.Type, foreign.Same, foreign.Same.Meaning(foreign.Type))}
		}
		return &usageError{cmd, err}
	}
	if err := said.Apply(fs.Type, &fs.Access); err != nil {
		return usage(err)
	}
	if further == nil {
		return nil
	}
	fs.Additional = nil
	for _, set := range further {
		r := inspect.NoAccess
		if err := set.Apply(fs.Type, &r); err != nil {
			return usage(err)
		}
		fs.Additional = append(fs.Additional, r)
	}
	return nil
}

// writtenParts are the rights of a file in words, one for each that files of its
// type have.
func writtenParts(fs *wire.FileSettings) []string {
	parts := strings.Split(inspect.AccessWords(fs.Type, fs.Access, false), ",")
	for i, p := range parts {
		_, parts[i], _ = strings.Cut(p, "=")
	}
	return parts
}

// furtherWords are the further sets of rights of a file.
func furtherWords(fs *wire.FileSettings) string {
	if len(fs.Additional) == 0 {
		return noFurther
	}
	sets := make([]string, len(fs.Additional))
	for i, r := range fs.Additional {
		sets[i] = inspect.AccessWords(fs.Type, r, true)
	}
	return strings.Join(sets, "; ")
}

// limitWords is the limit of the counter of a transaction MAC file.
func limitWords(fs *wire.FileSettings) string {
	if !fs.Option.Has(wire.OptionTMCLimit) {
		return "none"
	}
	return fmt.Sprint(fs.Limit.Limit)
}

// speaksOfUse reports whether a right to use the file was given, not only the
// one to change it.
func speaksOfUse(said inspect.WrittenAccess, further []inspect.WrittenAccess) bool {
	for right := range said {
		if right != inspect.RightChange {
			return true
		}
	}
	return slices.ContainsFunc(further, func(s inspect.WrittenAccess) bool { return len(s) > 0 })
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sdm"
	"github.com/spf13/cobra"
)

// sdmVerify is one call of sdm verify.
type sdmVerify struct {
	metas    []string
	file     keySpec
	derived  sdmDerived
	parts    sdmParts
	counters string
	lrp      bool
}

func (a *app) sdmVerifyCommand() *cobra.Command {
	v := sdmVerify{file: keySpec{flag: "file-key"}}
	cmd := &cobra.Command{
		Use:   "verify --file-key KEY [[TEMPLATE] URL]",
		Short: "Check a message that a card showed",
		Long: `Check a message that a card showed: that it deciphers, that its MAC is right,
and with --counters that its counter was not used before. Prints UID, counter
and enciphered file data. No card is needed.

The message is a TEMPLATE and the URL that was shown. The URL may come as
servers get it: parameters in another order, some added or lost, http for https,
without host, digits in lower case, percent-encoding, a fragment. It is put back
as the template has it, and what was changed is told. Another address, another
value where the template has one, and a parameter that is there twice are none
of that template.

Without a TEMPLATE the parameters are found by their usual names and by their
lengths, and what the MAC covers is searched for and told: what it does not
cover, anybody may have written. Say the template where that matters. Without a
URL the parameters stand by themselves: --picc, or --uid and --ctr, and --mac, and
where the MAC covers text, --input.

A MAC that is right over another part of the text than the template says is not
accepted: it covers something else. The template that would fit is told.

--counters FILE remembers the last counter of each card: a message that is not
newer is refused, and one that passes is noted. Without it a message passes
again and again.

` + helpTemplate + `

` + helpDiversify + `

` + helpKeySpec + `
Exit code 6: the message is forged, changed, or covers something else; the
commonest causes are tried and told. 11: it is genuine and was seen before. 9: it
is no such message.`,
		Example: `  desfire sdm verify --file-key @file.key --meta-key @meta.key \
    --counters seen.json 'https://example.com/t?p={picc}&m={mac}' \
    'https://example.com/t?p=EF963FF7...&m=94EED9EE65337086'
  desfire sdm verify --file-key @file.key \
    'https://example.com/t?uid=041E3C8A2D6B80&ctr=000006&mac=4B00064004B0B3D3'
  desfire sdm verify --file-key @file.key --uid 041E3C8A2D6B80 --ctr 6 \
    --mac 4B00064004B0B3D3
  desfire sdm verify --master-key @issuer.key --diversify boltcard \
    'https://x.example/?p=4E2E289D945A66BB13377A728884E867&c=E19CCB1FED8892CE'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(a, cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&v.file.spec, "file-key", "", "the file read `KEY`")
	f.StringArrayVar(&v.metas, "meta-key", nil, "the meta read `KEY`, for {picc}; several are tried")
	v.derived.flags(cmd)
	v.parts.flags(cmd)
	f.StringVar(&v.counters, "counters", "", "remember the last counter of each card in `FILE`")
	f.BoolVar(&v.lrp, "lrp", false, "the card uses LRP")
	return careful(cmd)
}

// sdmTag is what sdm verify prints with --json.
type sdmTag struct {
	UID     hexBytes `json:"uid"`     // empty if not in the message
	Counter *uint32  `json:"counter"` // null if not in the message
	File    hexBytes `json:"file"`    // deciphered file data; empty if none
	Fresh   bool     `json:"fresh"`   // the counter was checked, and is new

	Template  string   `json:"template,omitempty"`  // that was assumed: none was given
	Covers    *string  `json:"covers,omitempty"`    // the text that the MAC covers, where that was searched for
	Uncovered string   `json:"uncovered,omitempty"` // the text that it does not cover then
	Notes     []string `json:"notes,omitempty"`     // what of the URL was not as the card shows it, and what was assumed
}

func (v *sdmVerify) run(a *app, cmd *cobra.Command, args []string) error {
	r, err := v.reading(args)
	switch {
	case errors.As(err, new(*codeError)):
		return err
	case err != nil:
		return &usageError{cmd, errors.New(keystore.Hide(err.Error()))}
	}
	ctx := cmd.Context()
	verifier, err := v.verifier(ctx, a, cmd, r)
	if err != nil {
		return err
	}
	tag, covers, err := verifier.VerifyReading(ctx, r)
	if err != nil {
		return v.failed(ctx, verifier, r, err)
	}
	j := sdmTag{UID: tag.UID, File: tag.File, Fresh: v.counters != "", Notes: r.Notes}
	if tag.HasCounter {
		j.Counter = &tag.Counter
	}
	searched := r.Assumed && (len(args) > 0 || len(tag.File) > 0)
	if searched {
		j.Covers = &covers.Text
	}
	if searched && len(args) > 0 {
		j.Template, j.Uncovered = covers.Template, covers.Loose
	}
	if a.json {
		return a.emit(j)
	}
	a.printTag(tag, &j, covers)
	return nil
}

// printTag prints what a message proves, and what it does not.
func (a *app) printTag(tag *sdm.Tag, j *sdmTag, covers *sdm.Coverage) {
	a.printf("%s %v\n", a.out.Good.Render("genuine:"), tag)
	if tag.File != nil {
		a.printf("  file data %X %q\n", tag.File, tag.File)
	}
	const width = len("not covered")
	if j.Covers != nil {
		a.row(width, "MAC covers", covers.String())
	}
	if j.Uncovered != "" {
		a.row(width, "not covered", fmt.Sprintf("%q: anybody may have written it", j.Uncovered))
	}
	if j.Template != "" {
		a.row(width, "template", j.Template)
	}
	for _, n := range j.Notes {
		a.row(width, "note", n)
	}
}

// failed says why, as far as that can be found out.
func (v *sdmVerify) failed(ctx context.Context, verifier *sdm.Verifier, r *sdm.Reading, err error) error {
	var other *sdm.CoverageError
	switch {
	case errors.As(err, &other):
		next := "If the tag was set up so, say it by the template: " + other.Coverage.Template
		if v.parts.given() && other.Coverage.Text == "" {
			next = "If the tag was set up so, leave --input out."
		} else if v.parts.given() {
			next = fmt.Sprintf("If the tag was set up so, say it: --input %q", other.Coverage.Text)
		}
		if !v.parts.given() {
			err = fmt.Errorf("%w; it does not cover %q", err, other.Coverage.Loose)
		}
		return advise(err, "%s", next)
	case errors.Is(err, sdm.ErrMAC), errors.Is(err, sdm.ErrPICCData):
		return v.explained(ctx, verifier, r, err)
	case exitCode(ctx, err) == exitRefused: // no card was asked
		return withCode(exitInput, err)
	}
	return err
}

// explained is an error with its causes.
func (v *sdmVerify) explained(ctx context.Context, verifier *sdm.Verifier, r *sdm.Reading, err error) error {
	what := "the MAC is wrong"
	if errors.Is(err, sdm.ErrPICCData) {
		what = "PICC data do not decipher"
	}
	var words, next []string
	for _, c := range verifier.Explain(ctx, r) {
		if c.Proved {
			what += " as it was asked for, and all is right in another way"
		}
		words = append(words, c.Words)
		if c.Next != "" {
			next = append(next, c.Next+".")
		}
	}
	text := strings.Join(words, "; ")
	if len(r.Notes) > 0 {
		text += "; about the text: " + strings.Join(r.Notes, "; ")
	}
	err = withCode(exitNotGenuine, fmt.Errorf("%s: %s", what, text))
	if len(next) > 0 {
		err = advise(err, "%s", strings.Join(next, " "))
	}
	return err
}

// verifier has the keys that a message needs.
func (v *sdmVerify) verifier(ctx context.Context, a *app, cmd *cobra.Command, r *sdm.Reading) (*sdm.Verifier, error) {
	out := &sdm.Verifier{LRP: v.lrp}
	scheme, err := v.derived.scheme(a, cmd)
	if err != nil {
		return nil, err
	}
	var keys, metas []*keySpec
	if scheme == nil {
		keys = append(keys, &v.file)
	} else if v.file.spec != "" {
		return nil, &usageError{cmd, errors.New("--file-key does not go with --diversify, which makes it of --master-key")}
	}
	if r.Message.PICCData != nil && (len(v.metas) > 0 || scheme == nil || !v.derived.makesMeta()) {
		metas = v.metaKeys()
	}
	keys = append(keys, metas...)
	if err := a.readKeys(cmd, keys...); err != nil {
		return nil, err
	}
	if err := wantAES(keys...); err != nil {
		return nil, err
	}
	if scheme == nil {
		out.FileRead = v.file.key
	}
	for i, k := range metas {
		if i == 0 {
			out.MetaRead = k.key
		} else {
			out.MetaReads = append(out.MetaReads, k.key)
		}
	}
	if scheme != nil {
		if err := out.Use(ctx, scheme); err != nil {
			return nil, withCode(exitInput, err)
		}
	}
	if v.counters != "" {
		out.Replay = &sdm.CounterFile{Path: v.counters}
	}
	return out, nil
}

// metaKeys are the flags of meta read keys, one at least.
func (v *sdmVerify) metaKeys() (list []*keySpec) {
	for _, spec := range v.metas {
		list = append(list, &keySpec{flag: "meta-key", spec: spec})
	}
	if len(list) == 0 {
		list = append(list, &keySpec{flag: "meta-key"})
	}
	return list
}

// reading reads what the card showed.
func (v *sdmVerify) reading(args []string) (*sdm.Reading, error) {
	switch {
	case v.parts.given() && len(args) > 0:
		return nil, errors.New("want TEMPLATE and URL, or --picc, --mac and so on: not both")
	case v.parts.given():
		return v.parts.reading(v.lrp)
	case len(args) == 0 || len(args) > 2:
		return nil, errors.New("want TEMPLATE and URL, or the URL alone, or --mac with --picc or with --uid and --ctr")
	case len(args) == 1 && strings.Contains(args[0], "{mac}"):
		return nil, errors.New("want TEMPLATE and URL: the URL is missing")
	case len(args) == 1:
		r, err := sdm.Guess(args[0], v.lrp)
		return r, withCode(exitInput, err)
	}
	t, err := sdm.ParseTemplate(args[0], v.lrp)
	if err != nil {
		return nil, err
	}
	r, err := t.Find(args[1])
	if g, e := sdm.Guess(args[1], v.lrp); err != nil && e == nil {
		err = advise(err, "Without a template it is read as %s", g.Template)
	}
	return r, withCode(exitInput, err)
}

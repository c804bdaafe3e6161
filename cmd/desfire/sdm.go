package main

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) sdmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sdm",
		Short: "Provision, show and verify secure dynamic messages (SUN)",
		Long: `Work with secure dynamic messages: the URL that an NTAG 424 DNA or a DESFire EV3
shows to any phone, with its UID, a counter and a MAC in it.

` + helpTemplate,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.sdmURLCommand(), a.sdmProvisionCommand(), a.sdmShowCommand(), a.sdmOffCommand(), a.sdmVerifyCommand())
	return cmd
}

const helpTemplate = `A template is the URL with the places that the card fills in:
  {picc}   UID and counter, enciphered under the meta read key
  {uid}    the UID in plain, {ctr} the counter in plain
  {mac}    the MAC, under the file read key
  {enc:N}  N bytes of the file, enciphered; a multiple of 16
  {from}   takes no room: the MAC covers the text from here on;
           {from:N} where the file's text begins: and N bytes before it`

// mirrors are the flags that say how a card shall mirror.
type mirrors struct {
	meta, file, counter string
	raw                 bool
}

func (m *mirrors) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.meta, "meta-read", "2", "`NUMBER` of the key that enciphers {picc}")
	f.StringVar(&m.file, "file-read", "1", "`NUMBER` of the key that {mac} and {enc:N} are made with")
	f.StringVar(&m.counter, "ctr-ret", "never", "who may ask for the counter: a key `NUMBER`, free or never")
	f.BoolVar(&m.raw, "raw", false, "the text alone from the start of the file, no NDEF message")
}

// access reads the flags.
func (m *mirrors) access(cmd *cobra.Command) (meta, file, counter wire.Access, err error) {
	for _, x := range []struct {
		flag, value string
		words       bool
		to          *wire.Access
	}{{"meta-read", m.meta, false, &meta}, {"file-read", m.file, false, &file}, {"ctr-ret", m.counter, true, &counter}} {
		n, err := parseUint(x.value, 8)
		switch {
		case err == nil && n <= maxKey:
			*x.to = wire.Access(n)
		case x.words && x.value == "free":
			*x.to = wire.Free
		case x.words && x.value == "never":
			*x.to = wire.Never
		case x.words:
			return 0, 0, 0, &usageError{cmd, fmt.Errorf("--%s %q: want a key number from 0 to %d, free or never%s", x.flag, x.value, maxKey, zeroed(err))}
		default:
			return 0, 0, 0, &usageError{cmd, fmt.Errorf("--%s %q: want a key number from 0 to %d%s", x.flag, x.value, maxKey, zeroed(err))}
		}
	}
	return meta, file, counter, nil
}

// content is the file and the settings that make a card show the template.
func (m *mirrors) content(cmd *cobra.Command, t *sdm.Template, size int) ([]byte, wire.SDM, error) {
	meta, file, counter, err := m.access(cmd)
	if err != nil {
		return nil, wire.SDM{}, err
	}
	if m.raw {
		return t.RawFile(size, meta, file, counter)
	}
	return t.NDEFFile(size, meta, file, counter)
}

// sdmResult is what sdm url and sdm provision print with --json. Offsets are
// bytes of the file; those that do not apply are left out.
type sdmResult struct {
	*cardOf
	Application *wire.Place  `json:"application,omitempty"`
	File        *wire.FileNo `json:"file,omitempty"`
	LRP         bool         `json:"lrp"`
	Content     hexBytes     `json:"content"`
	Settings    hexBytes     `json:"settings"` // SDMOptions and what follows, as ChangeFileSettings has them
	Offsets     []sdmOffset  `json:"offsets"`
	Warnings    []string     `json:"warnings,omitempty"`
	Shows       string       `json:"shows,omitempty"` // to a phone, with --try
	DryRun      bool         `json:"dry_run,omitempty"`
}

type sdmOffset struct {
	Name   string `json:"name"`
	Offset uint32 `json:"offset"`
	Length uint32 `json:"length,omitempty"`
}

// sdmOffsets are the mirrors of settings as they are printed.
func sdmOffsets(s *wire.SDM, lrp bool) []sdmOffset {
	var list []sdmOffset
	for _, m := range sdm.Mirrors(s, lrp) {
		list = append(list, sdmOffset(m))
	}
	return list
}

// fill puts content and settings into a result.
func (r *sdmResult) fill(content []byte, s *wire.SDM, lrp bool) error {
	var c wire.Coder
	e, err := c.Encode(nil, s)
	if err != nil {
		return err
	}
	r.Content, r.Settings, r.LRP, r.Offsets = content, e.Bytes, lrp, sdmOffsets(s, lrp)
	return nil
}

// printSDM prints what a file holds and where the card mirrors.
func (a *app) printSDM(r *sdmResult) {
	a.printf("%s %d bytes: %q\n", a.out.Dim.Render("content "), len(r.Content), []byte(r.Content))
	a.printf("%s %X\n", a.out.Dim.Render("settings"), []byte(r.Settings))
	a.printOffsets(r.Offsets)
}

func (a *app) printOffsets(list []sdmOffset) {
	for _, o := range list {
		a.printf("  %s%s offset %s, %s\n", o.Name, screen.Pad(o.Name, 12), a.out.Number.Render(fmt.Sprintf("%3d", o.Offset)), count(int(o.Length), "byte"))
	}
}

func (a *app) sdmURLCommand() *cobra.Command {
	var m mirrors
	var lrp bool
	var size int
	cmd := &cobra.Command{
		Use:   "url TEMPLATE",
		Short: "Show what a template makes of a file: content, offsets, settings",
		Long: `Show what a template makes of a file: the content to write, the offsets of the
mirrors, and the settings as ChangeFileSettings has them. No card is needed.

` + helpTemplate,
		Args: wants("TEMPLATE"),
		Example: `  desfire sdm url 'https://example.com/t?p={picc}&m={mac}'
  desfire sdm url 'https://example.com/t?u={uid}&n={ctr}&m={mac}' --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if size < 1 || size > max24 {
				return &usageError{cmd, fmt.Errorf("--size %d: want 1 to %d", size, max24)}
			}
			t, err := sdm.ParseTemplate(args[0], lrp)
			if err != nil {
				return &usageError{cmd, err}
			}
			content, s, err := m.content(cmd, t, size)
			if err == nil {
				err = sdm.Check(&s, sdm.Site{Size: uint32(size), LRP: lrp})
			}
			if err != nil {
				var usage *usageError
				if errors.As(err, &usage) {
					return err
				}
				return &usageError{cmd, err}
			}
			var r sdmResult
			if err := r.fill(content, &s, lrp); err != nil {
				return err
			}
			if a.json {
				return a.emit(r)
			}
			a.printSDM(&r)
			return nil
		},
	}
	m.flags(cmd)
	cmd.Flags().BoolVar(&lrp, "lrp", false, "the card uses LRP, whose {picc} is longer")
	cmd.Flags().IntVar(&size, "size", 256, "`BYTES` of the file")
	return cmd
}

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/ndef"
	"github.com/spf13/cobra"
)

// messageFlags are the flags that make an NDEF message.
type messageFlags struct {
	uris, texts       []string
	mime, file, whole string
	poster, empty     bool
}

func (f *messageFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.uris, "uri", nil, "a URI record; may be repeated")
	fl.StringArrayVar(&f.texts, "text", nil, "a text record, `LANGUAGE:TEXT`; may be repeated")
	fl.BoolVar(&f.poster, "poster", false, "make one smart poster of the URI and the texts, its titles")
	fl.StringVar(&f.mime, "mime", "", "a record of this media `TYPE`, with the content of --file")
	fl.StringVar(&f.file, "file", "", "the content for --mime")
	fl.StringVar(&f.whole, "message", "", "the whole message in `HEX`")
	fl.BoolVar(&f.empty, "empty", false, "no record at all")
}

// message is the message that the flags make, empty if there are none.
func (f *messageFlags) message(a *app, cmd *cobra.Command) (ndef.Message, error) {
	bad := func(format string, args ...any) (ndef.Message, error) {
		return nil, &usageError{cmd, fmt.Errorf(format, args...)}
	}
	records := len(f.uris) + len(f.texts) + len(f.mime)
	switch {
	case f.whole != "" && (records > 0 || f.empty), f.empty && records > 0:
		return bad("--message and --empty go with no other record")
	case (f.mime == "") != (f.file == ""):
		return bad("--mime and --file go together")
	case f.poster && len(f.uris) != 1:
		return bad("--poster: want one --uri, and texts as its titles")
	case f.whole != "":
		b, err := parseHex(f.whole)
		if err != nil {
			return bad("--message: %w", err)
		}
		m, err := ndef.Parse(b)
		if err != nil {
			return bad("--message: %w", err)
		}
		return m, nil
	}
	m := ndef.Message{}
	var titles []ndef.Phrase
	for _, t := range f.texts {
		language, text, ok := strings.Cut(t, ":")
		if !ok || language == "" || len(language) > 63 || strings.ContainsAny(language, " \t") {
			return bad("--text %q: want LANGUAGE:TEXT, as in en:Hello", t)
		}
		titles = append(titles, ndef.Phrase{Language: language, Text: text})
	}
	if f.poster {
		r, err := ndef.SmartPoster(ndef.Poster{URI: f.uris[0], Titles: titles, Action: ndef.ActionNone})
		if err != nil {
			return bad("--poster: %w", err)
		}
		m = append(m, r)
	} else {
		for _, u := range f.uris {
			if u == "" {
				return nil, &usageError{cmd, errors.New("--uri: it is empty")}
			}
			m = append(m, ndef.URI(u))
		}
		for _, t := range titles {
			m = append(m, ndef.Text(t.Language, t.Text))
		}
	}
	if f.mime != "" {
		data, err := a.readUpTo(cmd.Context(), f.file, 1<<24)
		if err != nil {
			return nil, err
		}
		m = append(m, ndef.MIME(f.mime, data))
	}
	return m, nil
}

package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sdm"
	"github.com/spf13/cobra"
)

// sdmVerify is one call of sdm verify.
type sdmVerify struct {
	meta, file               keySpec
	picc, uid, ctr, mac, enc string
	input, counters          string
	lrp                      bool
}

func (a *app) sdmVerifyCommand() *cobra.Command {
	v := sdmVerify{meta: keySpec{flag: "meta-key"}, file: keySpec{flag: "file-key"}}
	cmd := &cobra.Command{
		Use:   "verify --file-key KEY [TEMPLATE URL]",
		Short: "Check a message that a card showed",
		Long: `Check a message that a card showed: that it deciphers, that its MAC is right,
and with --counters that its counter was not used before. Prints UID, counter
and enciphered file data. No card is needed.

The message is a TEMPLATE and the URL that was shown, or its parameters by
themselves: --picc, or --uid and --ctr, and --mac, and where the MAC covers
text, --input.

--counters FILE remembers the last counter of each card: a message that is not
newer is refused, and one that passes is noted. Without it a message passes
again and again.

` + helpTemplate + `

` + helpKeySpec + `
Exit code 6: the message is forged, or changed; 11: it is genuine and was seen
before; 9: it is none of that template.`,
		Example: `  desfire sdm verify --file-key @file.key --meta-key @meta.key \
    --counters seen.json 'https://example.com/t?p={picc}&m={mac}' \
    'https://example.com/t?p=EF963FF7...&m=94EED9EE65337086'
  desfire sdm verify --file-key @file.key --uid 041E3C8A2D6B80 --ctr 6 \
    --mac 4B00064004B0B3D3`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(a, cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&v.file.spec, "file-key", "", "the file read `KEY`")
	f.StringVar(&v.meta.spec, "meta-key", "", "the meta read `KEY`, for {picc}")
	f.StringVar(&v.picc, "picc", "", "enciphered PICC data in `HEX`")
	f.StringVar(&v.uid, "uid", "", "plain UID, 7 bytes in `HEX`")
	f.StringVar(&v.ctr, "ctr", "", "plain counter `N`: decimal, or 0xHEX as the URL has it")
	f.StringVar(&v.mac, "mac", "", "the MAC, 8 bytes in `HEX`")
	f.StringVar(&v.enc, "enc", "", "enciphered file data in `HEX`")
	f.StringVar(&v.input, "input", "", "the `TEXT` that the MAC covers, from {from} up to {mac}")
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
}

func (v *sdmVerify) run(a *app, cmd *cobra.Command, args []string) error {
	usage := func(err error) error { return &usageError{cmd, errors.New(keystore.Hide(err.Error()))} }
	m, err := v.message(args)
	switch {
	case errors.As(err, new(*codeError)):
		return err
	case err != nil:
		return usage(err)
	}
	keys := []*keySpec{&v.file}
	if m.PICCData != nil {
		keys = append(keys, &v.meta)
	}
	if err := a.readKeys(cmd, keys...); err != nil {
		return err
	}
	if err := wantAES(keys...); err != nil {
		return err
	}
	verifier := &sdm.Verifier{FileRead: v.file.key, LRP: v.lrp}
	if m.PICCData != nil {
		verifier.MetaRead = v.meta.key
	}
	if v.counters != "" {
		verifier.Replay = &sdm.CounterFile{Path: v.counters}
	}
	tag, err := verifier.Verify(cmd.Context(), m)
	switch {
	case err != nil && exitCode(cmd.Context(), err) == exitRefused: // no card was asked
		return withCode(exitInput, err)
	case err != nil:
		return err
	}
	r := sdmTag{UID: tag.UID, File: tag.File, Fresh: v.counters != ""}
	if tag.HasCounter {
		r.Counter = &tag.Counter
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s %v\n", a.out.Good.Render("genuine:"), tag)
	if tag.File != nil {
		a.printf("  file data %X %q\n", tag.File, tag.File)
	}
	return nil
}

// message reads what the card showed.
func (v *sdmVerify) message(args []string) (*sdm.Message, error) {
	byParts := v.picc != "" || v.uid != "" || v.ctr != "" || v.mac != "" || v.enc != "" || v.input != ""
	switch {
	case byParts && len(args) > 0:
		return nil, errors.New("want TEMPLATE and URL, or --picc, --mac and so on: not both")
	case !byParts && len(args) != 2:
		return nil, errors.New("want TEMPLATE and URL, or --mac with --picc or with --uid and --ctr")
	case !byParts:
		return v.match(args[0], args[1])
	}
	m := &sdm.Message{MACInput: []byte(v.input)}
	var mac []byte
	for _, x := range []struct {
		flag, value string
		n           int // bytes; 0 for whole blocks
		to          *[]byte
	}{{"picc", v.picc, 16, &m.PICCData}, {"uid", v.uid, 7, &m.Plain.UID}, {"mac", v.mac, 8, &mac}, {"enc", v.enc, 0, &m.File}} {
		if x.value == "" {
			continue
		}
		b, err := parseHex(x.value)
		n := x.n
		if x.flag == "picc" && v.lrp {
			n = 24
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("--%s: %w", x.flag, err)
		case n > 0 && len(b) != n || n == 0 && len(b)%16 != 0:
			return nil, fmt.Errorf("--%s: %d bytes, want %s", x.flag, len(b), map[bool]string{true: strconv.Itoa(n), false: "whole blocks of 16"}[n > 0])
		}
		*x.to = b
	}
	if v.ctr != "" {
		n, err := parseUint(v.ctr, 24)
		if err != nil {
			return nil, fmt.Errorf("--ctr %q: want a number up to %d%s", v.ctr, sdm.MaxCounter, zeroed(err))
		}
		m.Plain.Counter, m.Plain.HasCounter = uint32(n), true
	}
	switch {
	case mac == nil:
		return nil, errors.New("--mac missing: without it nothing is proved")
	case m.PICCData != nil && (m.Plain.UID != nil || m.Plain.HasCounter):
		return nil, errors.New("--picc holds UID and counter: it does not go with --uid and --ctr")
	case m.PICCData == nil && m.Plain.UID == nil && !m.Plain.HasCounter:
		return nil, errors.New("--picc missing, or --uid and --ctr")
	}
	m.MAC = [8]byte(mac)
	return m, nil
}

// match takes a URL apart.
func (v *sdmVerify) match(template, url string) (*sdm.Message, error) {
	t, err := sdm.ParseTemplate(template, v.lrp)
	if err != nil {
		return nil, err
	}
	m, err := t.Match(url)
	return m, withCode(exitInput, err)
}

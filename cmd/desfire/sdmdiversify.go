package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sdm"
	"github.com/spf13/cobra"
)

const helpDiversify = `With --master-key and --diversify each card has keys of its own, by the scheme:
  an10922[:aid=HEX][,system=TEXT][,uid=reversed]
                   NXP's AN10922 over UID, AID and system; --meta-key besides
  boltcard[:N]     the Bolt Card's deterministic keys; N is the version, else 1
  sdm-backend[:legacy]
                   the public sdm-backend; for a master key of 16 to 64 bytes
                   hmac:@FILE or hmac:env:NAME`

// sdmDerived are the flags of keys that follow from a master key.
type sdmDerived struct {
	master keySpec
	name   string
}

func (d *sdmDerived) flags(cmd *cobra.Command) {
	d.master.flag = "master-key"
	f := cmd.Flags()
	f.StringVar(&d.master.spec, "master-key", "", "the `KEY` that the keys of all cards follow from")
	f.StringVar(&d.name, "diversify", "", "`SCHEME` by which they do: an10922, boltcard or sdm-backend")
	_ = cmd.RegisterFlagCompletionFunc("diversify", cobra.FixedCompletions([]string{"an10922", "boltcard", "sdm-backend", "sdm-backend:legacy"}, cobra.ShellCompDirectiveNoFileComp))
}

// makesMeta reports whether the scheme has a meta read key.
func (d *sdmDerived) makesMeta() bool { return !strings.HasPrefix(d.name, "an10922") }

// scheme reads the flags; nil if they are not there.
func (d *sdmDerived) scheme(a *app, cmd *cobra.Command) (sdm.Diversifier, error) {
	usage := func(format string, args ...any) error {
		return &usageError{cmd, errors.New(keystore.Hide(fmt.Sprintf(format, args...)))}
	}
	switch {
	case d.name == "" && d.master.spec == "":
		return nil, nil
	case d.name == "":
		return nil, usage("--diversify missing: by which scheme the keys follow from --master-key: an10922, boltcard or sdm-backend")
	case d.master.spec == "":
		return nil, usage("--master-key missing: a key as @FILE or env:NAME")
	}
	name, rest, _ := strings.Cut(d.name, ":")
	if name == "sdm-backend" {
		if rest != "" && rest != "legacy" {
			return nil, usage("--diversify %q: want sdm-backend or sdm-backend:legacy", d.name)
		}
		return d.backend(a, cmd, rest == "legacy")
	}
	scheme := map[string]func(string) (func() sdm.Diversifier, error){"an10922": d.an10922, "boltcard": d.boltcard}[name]
	if scheme == nil {
		return nil, usage("--diversify %q: want an10922, boltcard or sdm-backend", d.name)
	}
	made, err := scheme(rest)
	if err != nil {
		return nil, usage("--diversify: %v", err)
	}
	if err := a.readKeys(cmd, &d.master); err != nil {
		return nil, err
	}
	if err := wantAES(&d.master); err != nil {
		return nil, err
	}
	return made(), nil
}

func (d *sdmDerived) boltcard(rest string) (func() sdm.Diversifier, error) {
	version := uint64(1)
	if rest != "" {
		n, err := parseUint(rest, 32)
		if err != nil {
			return nil, fmt.Errorf("boltcard:%q: want the version of the card, a number%s", rest, zeroed(err))
		}
		version = n
	}
	return func() sdm.Diversifier { return &sdm.Boltcard{Issuer: d.master.key, Version: uint32(version)} }, nil
}

func (d *sdmDerived) an10922(rest string) (func() sdm.Diversifier, error) {
	var aid, system []byte
	reversed := false
	var seen []string
	for rest != "" {
		part, after, more := strings.Cut(rest, ",")
		name, value, _ := strings.Cut(part, "=")
		if name == "system" { // may have commas, and is the last
			_, value, _ = strings.Cut(rest, "=")
			after, more = "", false
		}
		if slices.Contains(seen, name) {
			return nil, fmt.Errorf("%s stands twice", name)
		}
		seen = append(seen, name)
		var err error
		switch {
		case name == "aid":
			if aid, err = hex.DecodeString(value); err != nil || len(aid) != 3 && len(aid) != 7 {
				return nil, fmt.Errorf("aid=%q: want six hexadecimal digits, most significant first, or the 14 of a DF name", value)
			}
		case name == "system" && value != "":
			system = an10922.System(value)
		case name == "uid" && (value == "reversed" || value == "straight"):
			reversed = value == "reversed"
		default:
			return nil, fmt.Errorf("%q: want aid=HEX, uid=reversed and at the end system=TEXT", part)
		}
		rest = after
		if !more {
			break
		}
	}
	tail := append(aid, system...)
	if n := 7 + len(tail); n > 31 {
		return nil, fmt.Errorf("UID, AID and system have %d bytes, and may have 31", n)
	}
	return func() sdm.Diversifier { return &sdm.AN10922{Master: d.master.key, Tail: tail, Reversed: reversed} }, nil
}

// backend reads a master key that need not be one of a card.
func (d *sdmDerived) backend(a *app, cmd *cobra.Command, legacy bool) (sdm.Diversifier, error) {
	var secret []byte
	if ref, ok := cutPrefixFold(strings.TrimSpace(d.master.spec), "hmac:"); ok {
		b, err := readSecret(cmd.Context(), ref)
		if cmd.Context().Err() != nil {
			return nil, errInterrupted
		}
		if err != nil {
			return nil, withCode(exitInput, fmt.Errorf("--master-key: %w", err))
		}
		if !keytext.Elsewhere(ref) {
			a.warnVisible()
		}
		secret = b
	} else {
		if err := a.readKeys(cmd, &d.master); err != nil {
			return nil, err
		}
		e, err := d.master.bytes()
		if err != nil {
			return nil, err
		}
		secret = e.Export()
	}
	b, err := sdm.NewBackend(secret)
	clear(secret)
	if err != nil {
		return nil, withCode(exitInput, fmt.Errorf("--master-key: %w", err))
	}
	if legacy {
		b = b.Legacy()
	}
	return b, nil
}

// readSecret reads a secret that is no key of a card: HEX, @FILE or env:NAME.
func readSecret(ctx context.Context, ref string) (b []byte, err error) {
	text := []byte(ref)
	switch name, isFile := strings.CutPrefix(ref, "@"); {
	case isFile:
		text, _, err = keytext.ReadFile(ctx, name, 4096)
	case strings.HasPrefix(ref, "env:"):
		text, err = keytext.Env(strings.TrimPrefix(ref, "env:"))
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	line, err := keytext.Line(text)
	if err != nil {
		return nil, err
	}
	digits := strings.TrimSpace(strings.TrimPrefix(string(line), "hmac:"))
	if b, err = hex.DecodeString(digits); err != nil {
		return nil, errors.New("want hexadecimal digits")
	}
	return b, nil
}

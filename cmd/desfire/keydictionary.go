package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// dictionaryLine is a line of a list of keys, not read yet: of which type bare
// digits are, the card tells.
type dictionaryLine struct {
	no   int
	text []byte
}

// maxDictionary bounds a list of keys.
const maxDictionary = 1 << 20

// readDictionary reads the lines of a list of keys.
func (a *app) readDictionary(ctx context.Context, path string) ([]dictionaryLine, error) {
	text, err := a.readUpTo(ctx, path, maxDictionary+1)
	if err != nil {
		return nil, withCode(exitInput, err)
	}
	if len(text) > maxDictionary {
		return nil, withCode(exitInput, fmt.Errorf("%s has more than %d bytes", path, maxDictionary))
	}
	var lines []dictionaryLine
	for i, line := range bytes.Split(text, []byte("\n")) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(bytes.Trim(line, "0123456789abcdefABCDEF")) > 0 && !bytes.Contains(line, []byte(":")) {
			return nil, withCode(exitInput, fmt.Errorf("%s, line %d: want hexadecimal digits, or TYPE:DIGITS", path, i+1))
		}
		lines = append(lines, dictionaryLine{i + 1, line})
	}
	if len(lines) == 0 {
		return nil, withCode(exitInput, fmt.Errorf("%s has no key in it", path))
	}
	return lines, nil
}

// dictionaryCheck tries the keys of a list.
type dictionaryCheck struct {
	place  wire.Place
	no     wire.KeyNo
	file   string
	lines  []dictionaryLine
	typ    *key.Type // that somebody said
	budget int       // 0: as the card is
}

// dictionaryKey is a key of a list.
type dictionaryKey struct {
	line  int
	key   *key.Secret
	facts keystore.Facts
}

// keys are the keys of the list that can be those of a card whose keys have a
// type, as far as it is known; each once.
func (d *dictionaryCheck) keys(typ wire.KeyType, known bool) (keys []dictionaryKey, others int, err error) {
	seen := map[string]bool{}
	for _, l := range d.lines {
		var k *key.Secret
		var f keystore.Facts
		if bytes.Contains(l.text, []byte(":")) {
			k, f, err = keystore.ReadText(l.text)
		} else {
			t, fits := d.bare(len(l.text)/2, typ, known)
			if !fits {
				others++
				continue
			}
			k, err = key.ParseTextAs(t, l.text)
			if err == nil {
				f = keystore.FactsOf(k, "")
				f.NoVersion = true
			}
		}
		if err != nil {
			return nil, 0, withCode(exitInput, fmt.Errorf("%s, line %d: %s", d.file, l.no, keystore.Hide(oneLine(err))))
		}
		f.Source = d.file + ":" + strconv.Itoa(l.no)
		if id := k.Type().Wire().String() + f.Check.String() + string(k.Export()); known && k.Type().Wire() != typ {
			others++
		} else if !seen[id] {
			seen[id] = true
			keys = append(keys, dictionaryKey{l.no, k, f})
		}
	}
	return keys, others, nil
}

// bare is the type of n bytes without one.
func (d *dictionaryCheck) bare(n int, typ wire.KeyType, known bool) (key.Type, bool) {
	switch {
	case d.typ != nil:
		return *d.typ, n == d.typ.Size()
	case n == 8:
		return key.TypeDES, true
	case n == 24:
		return key.Type3K3DES, true
	case known && typ == wire.KeyDES:
		return key.Type2K3DES, n == 16
	}
	return key.TypeAES, n == 16
}

// counts reports whether a card can count failed attempts (command reference
// 7.1, option 0A).
func counts(card *desfire.Card) bool {
	return slices.ContainsFunc(perso.Options(), func(o perso.OptionInfo) bool {
		return o.Option == wire.ConfigFailedAuth && o.Has(card.Generation())
	})
}

func (d *dictionaryCheck) run(ctx context.Context, a *app, card *desfire.Card) error {
	if err := checkKeys(card, d.place); err != nil {
		return err
	}
	if err := selectPlace(ctx, card, d.place); err != nil {
		return err
	}
	typ, known := cardType(ctx, card, d.place, d.no)
	if d.typ != nil {
		if known && d.typ.Wire() != typ {
			return withCode(exitAuth, fmt.Errorf("%s has %v keys, and --type says %v: not tried, so that no failed attempt is counted", d.place.Words(), typ, *d.typ))
		}
		typ, known = d.typ.Wire(), true
	}
	keys, others, err := d.keys(typ, known)
	switch {
	case err != nil:
		return err
	case len(keys) == 0:
		return withCode(exitAuth, fmt.Errorf("no key of %s is of the type of the card, %v: none was tried", d.file, typ))
	}
	version, err := card.KeyVersion(ctx, d.no)
	switch {
	case errors.Is(err, wire.StatusNoSuchKey):
		return fmt.Errorf("%s has no key %d: %w", d.place.Words(), d.no, err)
	case err == nil:
		slices.SortStableFunc(keys, func(x, y dictionaryKey) int { return strangeness(x, version) - strangeness(y, version) })
	case !inspect.Refused(err):
		return err
	}
	budget := d.budget
	if budget == 0 {
		if budget = len(keys); counts(card) {
			budget = 1
		}
	}
	if others > 0 && !a.json {
		a.sayf("%s of another type than the card's not tried\n", count(others, "key"))
	}
	progress := a.progress("trying keys")
	defer progress.End()
	for i, c := range keys {
		progress.At(i, len(keys))
		if i >= budget {
			return advise(withCode(exitAuth, fmt.Errorf("none of the first %s fits, and %d were not tried", count(budget, "key"), len(keys)-i)),
				"--budget %d tries all; this card can count failed attempts and block the key.", len(keys))
		}
		err := card.AuthenticateWith(ctx, card.Strongest(c.key.Type()), d.no, c.key)
		switch {
		case err == nil:
			progress.End()
			return a.checked(card, &keyCheckResult{Application: d.place, Key: d.no, Facts: c.facts, Line: c.line, Failed: i})
		case !errors.Is(err, wire.StatusAuthenticationError) && !errors.Is(err, wire.StatusISOSecurityStatus):
			return fmt.Errorf("%s, line %d: %w", d.file, c.line, err)
		}
	}
	return withCode(exitAuth, fmt.Errorf("key %d of %s is none of the %s of %s that were tried", d.no, d.place.Words(), count(len(keys), "key"), d.file))
}

// strangeness sorts keys by how well their version is that of the card.
func strangeness(c dictionaryKey, version byte) int {
	switch {
	case c.facts.NoVersion:
		return 1
	case c.facts.Version == version:
		return 0
	}
	return 2
}

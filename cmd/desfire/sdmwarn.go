package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// warnings are what about a file that shows messages lets others forge or spoil
// them, as far as it can be seen without trying keys: failed authentications
// count. made says that the application is not there yet.
func (a *app) warnings(ctx context.Context, card *desfire.Card, p *provision, made bool) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	s := &p.file.SDM
	if p.created {
		add("the keys of the new application are zeros: anybody can forge messages, and change the file; desfire key change, key 0 last")
	} else {
		a.warnZeros(ctx, card, s, made, add)
	}
	if p.access.Write == wire.Free || p.access.ReadWrite == wire.Free {
		add("anybody may write this file: --write-key leaves it to one key")
	}
	if p.access.Read != wire.Free && p.access.ReadWrite != wire.Free {
		add("reading the file is not free: phones may not see it")
	}
	if !p.raw {
		list = append(list, unopened(p.template)...)
	}
	return list
}

// unopened is why phones may not open a URL, or its server not see the message.
func unopened(template *sdm.Template) (list []string) {
	text := template.Text()
	if scheme, _, ok := strings.Cut(text, ":"); !ok || strings.ContainsAny(scheme, "/?#") {
		list = append(list, "the text has no scheme such as https: in front: phones may not open it")
	}
	_, fragment, _ := strings.Cut(template.String(), "#")
	for _, place := range []string{"{picc}", "{uid}", "{ctr}", "{enc:", "{mac}"} {
		if strings.Contains(fragment, place) {
			list = append(list, "what stands behind # stays on the phone: the server does not get the message")
			break
		}
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7F || strings.ContainsRune("\"<>\\^`{|}", r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		list = append(list, fmt.Sprintf("%q does not belong into a URL: phones may open another; percent-encode it", r))
	}
	return list
}

// warnZeros warns of keys that are zeros, or as cards are delivered.
func (a *app) warnZeros(ctx context.Context, card *desfire.Card, s *wire.SDM, made bool, add func(string, ...any)) {
	roles := map[wire.KeyNo]string{}
	numbers := []wire.KeyNo{}
	for _, x := range []struct {
		who  wire.Access
		does string
	}{{s.Access.FileRead(), "makes the MAC"}, {s.Access.MetaRead(), "enciphers UID and counter"}} {
		if no := wire.KeyNo(x.who); x.who < wire.Free {
			if roles[no] == "" {
				numbers = append(numbers, no)
				roles[no] = x.does
			}
		}
	}
	session, ok := card.Session()
	zero := ok && a.key != nil && session.KeyNo == wire.KeyNo(a.keyNo) && a.key.Type() == key.TypeAES && a.key.CheckValue() == key.Zero(key.TypeAES).CheckValue()
	if zero && !slices.Contains(numbers, session.KeyNo) {
		add("key %d is zeros: anybody can change what the file shows; desfire key change", session.KeyNo)
	}
	for _, no := range numbers {
		if zero && no == session.KeyNo {
			add("key %d, which %s, is zeros: anybody can forge messages; desfire key change", no, roles[no])
			continue
		}
		if made {
			continue
		}
		if v, err := card.KeyVersion(ctx, no); err == nil && v == 0 {
			add("key %d has version 00, as cards are delivered: while it is zeros, anybody can forge messages; desfire key change; --try proves it", no)
		}
	}
}

// tryProvision reads the message once as a phone does, and finds out if keys of
// zeros made it.
func (a *app) tryProvision(ctx context.Context, card *desfire.Card, p *provision) error {
	if err := selectPlace(ctx, card, *p.result.Application); err != nil {
		return err
	}
	data, err := card.ReadData(ctx, p.file.File, 0, uint32(len(p.file.Content)))
	if err != nil {
		return err
	}
	none := p.file.SDM // marks nothing: the text as it is
	none.Access = wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)
	lrp := p.template.LRP()
	p.result.Shows = sdm.Mark(data, &none, lrp).Template
	r, err := p.template.Find(p.result.Shows)
	if err != nil {
		return withCode(exitDiffers, err)
	}
	zero := key.Zero(key.TypeAES)
	v := &sdm.Verifier{MetaRead: zero, FileRead: zero, LRP: lrp}
	switch _, _, err := v.VerifyReading(ctx, r); {
	case err == nil:
		p.result.Warnings = append(p.result.Warnings, "proved by the message: it was made with keys of zeros, anybody can forge it; desfire key change")
		return nil
	case !errors.Is(err, sdm.ErrMAC) && !errors.Is(err, sdm.ErrPICCData):
		return err
	}
	if r.Message.PICCData == nil {
		return nil
	}
	said, err := sdm.DecipherPICC(ctx, zero, lrp, r.Message.PICCData)
	if uid := card.UID(); err == nil && said.UID != nil && bytes.Equal(said.UID, uid) {
		p.result.Warnings = append(p.result.Warnings, fmt.Sprintf("proved by the message: key %d, which enciphers UID and counter, is zeros, anybody can read them; desfire key change", p.file.SDM.Access.MetaRead()))
	}
	return nil
}

package web

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// termsView is what a person may say of a value file, so that a change whose answer is
// lost can be found out.
type termsView struct {
	Needed   bool   // no change can be made without
	Chosen   string // word of the form
	SlotFile int    // of a backup file that can hold a receipt; -1 if there is none
	Slots    int
	Number   int
}

// termsFor are the terms of a value file that a person said; nil if nobody did.
func (s *Server) termsFor(f valueFile) *purseTerms {
	s.money.mu.Lock()
	defer s.money.mu.Unlock()
	if t := s.money.terms[f]; t != nil {
		c := *t
		return &c
	}
	return nil
}

// termsView is nil for the purse of this program, whose terms its layout says.
func (s *Server) termsView(rd *reader, f *foundFile, conf *purse.Config, said *purseTerms) *termsView {
	if s.isPurse(rd, f.valueFile) {
		return nil
	}
	v := &termsView{SlotFile: -1, Chosen: "any"}
	try := *conf
	try.Others = purse.OthersAny
	v.Needed = said == nil && try.Check() != nil
	if b := f.backup(); b != nil {
		try.Slot = &purse.Slot{File: purse.File{No: b.No, Settings: b.Settings.Clone()}}
		if try.Check() == nil {
			v.SlotFile, v.Slots = int(b.No), int(b.Settings.Size)/len(purse.ID{})
		}
	}
	if said == nil {
		if v.Needed {
			v.Chosen = ""
		}
		return v
	}
	switch {
	case said.Slot != nil:
		v.Chosen, v.Number = "slot", said.Number
	case said.Others == purse.OthersNothing:
		v.Chosen = "nobody"
	case said.Others == purse.OthersDebit:
		v.Chosen = "debit"
	}
	return v
}

// purseTerms takes what a person says of a value file.
func (s *Server) purseTerms(w http.ResponseWriter, r *http.Request) {
	f, err := parseValueFile(r.FormValue("file"))
	if err != nil {
		s.renderPurse(w, r, err)
		return
	}
	t := &purseTerms{}
	switch r.FormValue("others") {
	case "any":
	case "nobody":
		t.Others = purse.OthersNothing
	case "debit":
		t.Others = purse.OthersDebit
	case "slot":
		no, err := strconv.ParseUint(r.FormValue("slot-file"), 10, 5)
		n, err2 := strconv.ParseUint(r.FormValue("slot"), 10, 12)
		if err != nil || err2 != nil {
			s.renderPurse(w, r, fmt.Errorf("a part of the backup file is a number from 0 on, not %q", r.FormValue("slot")))
			return
		}
		slot := wire.FileNo(no)
		t.Slot, t.Number = &slot, int(n)
	default:
		s.renderPurse(w, r, errors.New("say what others do with this value: choose one of the lines"))
		return
	}
	s.money.mu.Lock()
	if len(s.money.terms) > 1000 {
		clear(s.money.terms)
	}
	s.money.terms[f] = t
	s.money.mu.Unlock()
	s.tell("purse", "")
	s.renderPurse(w, r, nil)
}

// hasTMKey reports whether the transaction MAC key is at hand.
func (s *Server) hasTMKey(ctx context.Context, conf *purse.Config, uid string) bool {
	if conf.TMAC == nil {
		return false
	}
	_, ok, err := s.keys().Has(ctx, keystore.Ref{UID: uidOf(uid), Place: conf.Place, Key: keystore.RoleTransactionMAC.ID()})
	return ok && err == nil
}

func uidOf(text string) keystore.UID {
	b, err := hex.DecodeString(text)
	if err != nil {
		return ""
	}
	return keystore.UID(b)
}

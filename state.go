package desfire

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// state is what the reader believes about the card. It changes in after and
// nowhere else, except that a broken link forgets everything.
type state struct {
	place   // what is selected
	channel securemsg.Channel
	session Session // facts of the present session, besides those of channel
	block   int     // bytes, of the cipher of the session
	pending bool    // changes wait for CommitTransaction
	changed bool    // something was changed, or may have been, since the last selection
	entered entered // what a transaction MAC that begins now would count as well

	gone      string      // why the last session ended, until the next one begins
	guard     wire.Scheme // of a session that ended otherwise than by the caller's doing
	guardKey  KeyNo
	lost      string // why the card may have a session that the reader cannot follow
	broken    string // why only a selection goes on
	unsettled string // why something may pend although the card said otherwise

	clearSecrets bool // the caller allows secrets in clear
}

func (s *state) scheme() wire.Scheme {
	if s.channel == nil {
		return wire.SchemeNone
	}
	return s.channel.Info().Scheme
}

// drop ends the session by the caller's doing.
func (s *state) drop(why string) {
	if s.channel != nil {
		s.channel = nil
		s.gone = why
	}
}

// end ends the session otherwise: what it would have protected must not go on
// in plain.
func (s *state) end(why string) {
	if s.channel != nil {
		info := s.channel.Info()
		s.guard, s.guardKey = info.Scheme, info.KeyNo
	}
	s.drop(why)
}

// lose ends a session that the card still has, as far as the reader knows, or
// one that it has without the reader. What it would say to plain commands then
// cannot be told apart from nonsense, so only a selection or an authentication
// goes on from here.
func (s *state) lose(why string) {
	s.end(why)
	s.lost = why
}

// distrust is for an answer that cannot be trusted: it may hide what is
// pending, so only a selection goes on from here.
func (s *state) distrust(why string) {
	s.lose(why)
	s.broken = why
}

// forget is for a link that broke: nothing is known any more.
func (s *state) forget(why string) {
	s.drop(why)
	*s = state{gone: s.gone, broken: why, changed: s.changed}
}

// selected is the state after a selection.
func (s *state) selected(p place, why string) {
	s.drop(why)
	*s = state{place: p, gone: s.gone}
}

// after is the one transition function: what the reader believes once the card
// has answered cmd, which works on a file of type t, with status.
// docs/states.md shows it as a table.
func (s *state) after(cmd wire.Command, t wire.FileType, status wire.Status) {
	spec := cmd.Spec()
	ok := status == spec.Success
	s.enter(cmd, t, ok)
	if !ok {
		s.refused(cmd, t, status)
	}
	switch {
	case begins(cmd):
		s.end("a new authentication began")
	case ok && authenticates(cmd): // begin goes on from here, for a handshake of this reader's
		s.lose("the card has a session that this reader does not follow")
	}
	switch m := cmd.(type) {
	case *wire.SelectApplication:
		if ok {
			s.selected(place{app: m.AID, second: m.Second}, "")
			return
		}
		s.end("SelectApplication ended the session, though it was refused")
	case *wire.ISOSelect:
		if ok && m.SelectsDF() {
			before := *s
			s.selected(placeOf(m), "ISO SELECT of an application ended the session")
			if !isFence(m) {
				s.changed, s.broken, s.unsettled, s.entered = before.changed, before.broken, before.unsettled, before.entered
			}
		}
	case *wire.DeleteApplication:
		if ok && m.AID == s.app && s.app != wire.PICC {
			changed := s.changed
			s.selected(place{}, "")
			s.changed = changed
		}
		s.pending = false
	case *wire.FormatPICC:
		s.pending = false
	case *wire.PreparePC:
		s.drop("PreparePC ended the session")
	case *wire.ChangeKey, *wire.ChangeKeyEV2, *wire.RollKeySet, *wire.SetConfiguration:
		if ok && s.unsealed(cmd) {
			s.drop(spec.Name + " ended the session, as it does on success")
		}
	case *wire.CommitTransaction, *wire.AbortTransaction:
		s.pending = false
		if ok {
			s.unsettled, s.entered = "", entered{}
		}
	case *wire.CreateTransactionMACFile:
		if ok {
			s.entered = entered{}
		}
	}
	if ok && mayPend(cmd, t) {
		s.pending = true
	}
}

// begins reports whether cmd is the first frame of an authentication.
func begins(cmd wire.Command) bool {
	switch cmd.(type) {
	case *wire.Authenticate, *wire.AuthenticateISO, *wire.AuthenticateAES, *wire.ISOGetChallenge,
		*wire.AuthenticateEV2First, *wire.AuthenticateEV2NonFirst, *wire.AuthenticateLRPFirst, *wire.AuthenticateLRPNonFirst:
		return true
	}
	return false
}

// authenticates reports whether cmd is the last frame of an authentication.
func authenticates(cmd wire.Command) bool {
	switch cmd.(type) {
	case *wire.AuthenticatePart2, *wire.AuthenticateISOPart2, *wire.AuthenticateAESPart2, *wire.ISOInternalAuthenticate,
		*wire.AuthenticateEV2FirstPart2, *wire.AuthenticateEV2NonFirstPart2, *wire.AuthenticateLRPFirstPart2, *wire.AuthenticateLRPNonFirstPart2:
		return true
	}
	return false
}

// unsealed reports whether the card's success answer to cmd carries no
// protection, because the session is over with it.
func (s *state) unsealed(cmd wire.Command) bool {
	switch m := cmd.(type) {
	case *wire.ChangeKey:
		return s.ownKey(m.Key)
	case *wire.ChangeKeyEV2:
		return m.Set == 0 && s.ownKey(m.Key)
	case *wire.SetConfiguration:
		return enablesLRP(m)
	case *wire.RollKeySet:
		return true
	}
	return false
}

// mayPend reports whether cmd leaves something pending, or may on a file of
// unknown type.
func mayPend(cmd wire.Command, t wire.FileType) bool {
	spec := cmd.Spec()
	return spec.EffectOn(t) == wire.EffectPending || t == wire.FileUnknown && spec.PendsInBackup
}

// refused is the part of after that every error status shares. An honest card
// has dropped what was pending; a forged status proves nothing.
func (s *state) refused(cmd wire.Command, t wire.FileType, status wire.Status) {
	name := cmd.Spec().Name
	if s.pending || mayPend(cmd, t) {
		s.dropped(name, status)
	}
	// An error ends EV1, EV2 and LRP sessions; a D40 session survives it
	// (command reference 4.5).
	if scheme := s.scheme(); scheme != wire.SchemeNone && scheme != wire.SchemeD40 {
		s.end(fmt.Sprintf("the card ended the session when it refused %s with %s", name, status.String()))
	}
}

// aborted is for a command that is sent once more, since the card aborted the one
// before: like every refusal that drops what was pending, and proves nothing.
func (s *state) aborted(cmd wire.Command) {
	s.enter(cmd, wire.FileUnknown, false)
	if s.pending {
		s.dropped(cmd.Spec().Name, wire.StatusCommandAborted)
	}
}

func (s *state) dropped(name string, status wire.Status) {
	s.pending = false
	s.unsettled = fmt.Sprintf("%s was refused with %s, which proves nothing: a change may still be pending", name, status.String())
}

// ownKey reports whether no is the key of the session. At PICC level bits 7
// and 6 of a key number in ChangeKey are the new key type.
func (s *state) ownKey(no wire.KeyNo) bool {
	if s.channel == nil {
		return false
	}
	if s.atPICC() {
		no &= 0x3F
	}
	return s.channel.Info().KeyNo == no
}

// isFence reports whether an ISO SELECT surely selects an application or the
// card, which drops what is pending: an identifier may be that of a file.
func isFence(m *wire.ISOSelect) bool {
	return m.SelectsDF() && (m.By != wire.SelectByID || placeOf(m) == place{})
}

// placeOf is what an ISO SELECT selects, in words of its own: which AID it is
// does not show.
func placeOf(m *wire.ISOSelect) place {
	switch {
	case m.By == wire.SelectParent, m.By == wire.SelectByName && bytes.Equal(m.Name, wire.PICCName[:]),
		m.By != wire.SelectByName && (m.FID == 0 || m.FID == wire.PICCFID):
		return place{}
	case m.By == wire.SelectByName:
		return place{name: fmt.Sprintf("%X", m.Name)}
	}
	return place{name: fmt.Sprintf("file %04X", uint16(m.FID))}
}

// atPICC reports whether the card level is selected. A fresh activation is
// there.
func (s *state) atPICC() bool { return s.place == place{} }

// enablesLRP reports whether m switches LRP on: bit 1 of PDCap2.1, the fifth
// byte (command reference 7.1). The card's answer then carries no MAC.
func enablesLRP(m *wire.SetConfiguration) bool {
	caps, ok := m.Setting.(*wire.Capabilities)
	return ok && len(caps.Data) > wire.CapPDCap2_1 && caps.Data[wire.CapPDCap2_1]&wire.CapLRP != 0
}

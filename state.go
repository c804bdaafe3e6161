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
	app     AID
	named   bool // an application was selected by ISO name: app is not known
	channel securemsg.Channel
	pending bool    // changes wait for CommitTransaction
	session Session // facts of the present session, besides those of channel
	block   int     // bytes, of the cipher of the session
	gone    string  // why the last session ended, until the next one begins
	lost    bool    // the card may have a session that the reader cannot follow
	files   map[FileNo]*wire.FileSettings
}

func (s *state) scheme() wire.Scheme {
	if s.channel == nil {
		return wire.SchemeNone
	}
	return s.channel.Info().Scheme
}

// drop ends the session.
func (s *state) drop(why string) {
	if s.channel != nil {
		s.channel = nil
		s.gone = why
	}
}

// lose ends a session that the card still has, as far as the reader knows. What
// it would say to plain commands then cannot be told apart from nonsense, so
// only a selection or an authentication goes on from here.
func (s *state) lose(why string) {
	s.drop(why)
	s.lost = true
}

// forget is for a link that broke: nothing is known any more.
func (s *state) forget(why string) {
	s.drop(why)
	*s = state{gone: s.gone}
}

// after is the one transition function: what the reader believes once the card
// has answered cmd, which works on a file of type t, with status.
// docs/states.md shows it as a table.
func (s *state) after(cmd wire.Command, t wire.FileType, status wire.Status) {
	spec := cmd.Spec()
	ok := status == spec.Success
	if !ok {
		s.refused(spec, status)
	}
	switch m := cmd.(type) {
	case *wire.SelectApplication:
		if ok {
			*s = state{app: m.AID}
			return
		}
		s.drop("SelectApplication ended the session")
	case *wire.ISOSelect:
		if ok && m.SelectsDF() {
			s.drop("ISO SELECT of an application ended the session")
			card := selectsCard(m)
			*s = state{gone: s.gone, named: !card}
		}
	case *wire.DeleteApplication:
		if ok && m.AID == s.app && s.app != wire.PICC {
			*s = state{}
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
	case *wire.DeleteFile:
		delete(s.files, m.File)
	case *wire.ChangeFileSettings:
		delete(s.files, m.File)
	}
	if ok && mayPend(cmd, t) {
		s.pending = true
	}
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

// refused is the part of after that every error status shares.
func (s *state) refused(spec *wire.Spec, status wire.Status) {
	s.pending = false
	// An error ends EV1, EV2 and LRP sessions; a D40 session survives it
	// (command reference 4.5).
	if scheme := s.scheme(); scheme != wire.SchemeNone && scheme != wire.SchemeD40 {
		s.drop(fmt.Sprintf("the card ended the session when it refused %s with %v", spec.Name, status))
	}
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

// selectsCard reports whether m selects the card level and no application.
func selectsCard(m *wire.ISOSelect) bool {
	switch m.By {
	case wire.SelectByName:
		return bytes.Equal(m.Name, wire.PICCName[:])
	case wire.SelectParent:
		return true
	}
	return m.FID == 0 || m.FID == wire.PICCFID
}

// atPICC reports whether the card level is selected. A fresh activation is
// there.
func (s *state) atPICC() bool { return s.app == wire.PICC && !s.named }

// enablesLRP reports whether m switches LRP on: bit 1 of PDCap2.1, the fifth
// byte (command reference 7.1). The card's answer then carries no MAC.
func enablesLRP(m *wire.SetConfiguration) bool {
	caps, ok := m.Setting.(*wire.Capabilities)
	return ok && len(caps.Data) > wire.CapPDCap2_1 && caps.Data[wire.CapPDCap2_1]&wire.CapLRP != 0
}

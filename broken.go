package desfire

import (
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// BrokenError means that a command was not sent, because what came before it
// left open what the card holds or waits to commit: a transport or integrity
// error, a commit without a believable answer, or a refusal while changes were
// pending. Select the application again, reconnect, or call Settle. An
// authentication alone does not help: what is pending survives it.
type BrokenError struct {
	Command string
	Why     string // what had happened
	Changed bool   // as in TransportError
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("desfire: %s was not sent: %s; select the application again, or settle", e.Command, e.Why)
}

// SessionLostError means that a command was not sent, because the session that
// would have protected it ended otherwise than by the caller's doing, and it
// would now go in plain. Authenticate, select an application, or say that plain
// is meant with Card.AllowPlain. Or the card has a session that this Card does
// not follow: then only the first two help.
type SessionLostError struct {
	Command string
	Why     string // how the session ended
}

func (e *SessionLostError) Error() string {
	return fmt.Sprintf("desfire: %s was not sent: there is no session to protect it, since %s; authenticate again", e.Command, e.Why)
}

// ProtectionError means that a command was not sent, because it would have
// carried a secret in clear, or trusted what nothing protects.
type ProtectionError struct {
	Command string
	Kind    Unprotected
	Reason  string
}

// Unprotected is what a ProtectionError is about.
type Unprotected uint8

// What would have gone unprotected.
const (
	ClearData     Unprotected = iota + 1 // data of an enciphered file, in clear
	ClearKey                             // a key, in clear
	ClearSettings                        // settings that came in clear would have been trusted
)

func (e *ProtectionError) Error() string {
	return fmt.Sprintf("desfire: %s was not sent: %s", e.Command, e.Reason)
}

// WeakMethodError means that an authentication was not tried, or not finished,
// because its method is weaker than Config.Weakest accepts.
type WeakMethodError struct {
	Method, Weakest key.Method
	Generation      Generation // that the card claims to be
}

func (e *WeakMethodError) Error() string {
	return fmt.Sprintf("desfire: authenticate by %v: not done, since the weakest method accepted is %v; the card says that it is of generation %v, which nothing proves", e.Method, e.Weakest, e.Generation)
}

// NoRightError means that a command was not sent, because the settings of the
// file grant it neither to the key of the session nor to everybody. The card
// would refuse it, and a success would be forged: it would come without
// protection.
type NoRightError struct {
	Command string
	File    FileNo
	Key     KeyNo
	Access  wire.AccessRights
}

func (e *NoRightError) Error() string {
	return fmt.Sprintf("desfire: %s was not sent: key %d, which opened the session, has no right to it on file %d (%v)", e.Command, e.Key, e.File, e.Access)
}

// FileSettingsError means that a command on a file was not sent, because a
// session must know the settings of the file and they could not be had. State
// them with Card.AssumeFileSettings, or read the file before something pends.
type FileSettingsError struct {
	File FileNo
	Err  error // the card's refusal, or why it was not asked
}

func (e *FileSettingsError) Error() string {
	return fmt.Sprintf("desfire: the settings of file %d are not known: %v; state them with AssumeFileSettings(%d, ...)", e.File, e.Err, e.File)
}

// Unwrap returns why the settings are not known.
func (e *FileSettingsError) Unwrap() error { return e.Err }

// AllowPlain states that plain is meant: what a session that ended would have
// protected may go without protection from now on, until the next selection or
// authentication. See SessionLostError.
func (c *Card) AllowPlain() { c.state.guard = wire.SchemeNone }

// AllowSecretsInClear states that keys, and data of enciphered files, may go out
// without a session, until the next selection or authentication. Anybody near
// the reader can hear them.
func (c *Card) AllowSecretsInClear() { c.state.clearSecrets = true }

// mayGo finds what the past forbids.
func (c *Card) mayGo(cmd wire.Command, spec *wire.Spec) error {
	s := &c.state
	plain := spec.Rule == wire.RulePlain && isoReads(cmd) == nil
	switch {
	case s.broken != "" && !selects(cmd):
		return &BrokenError{spec.Name, s.broken, s.changed}
	case s.lost != "" && !plain:
		return &SessionLostError{spec.Name, s.lost}
	case c.conf.Unguarded || s.guard == wire.SchemeNone || plain, spec.Rule == wire.RulePlain && s.guard != wire.SchemeEV1:
		return nil
	}
	mode := wire.CommFull // of a file whose settings are not known
	if no, ok := follows(cmd); ok {
		if f := c.facts(no); f != nil && f.origin > fromClear {
			if grants(spec, &f.FileSettings, wire.Access(s.guardKey)) || grants(spec, &f.FileSettings, wire.Free) {
				mode = effective(spec, &f.FileSettings, s.guardKey)
			}
		}
	}
	// In EV1 sessions every answer carries a CMAC.
	if s.guard == wire.SchemeEV1 || spec.Rule.Protection(s.guard, false, mode) != wire.CommPlain || spec.Rule.Protection(s.guard, true, mode) != wire.CommPlain {
		return &SessionLostError{spec.Name, s.gone}
	}
	return nil
}

// selects reports whether a command selects the card or an application.
func selects(cmd wire.Command) bool {
	switch m := cmd.(type) {
	case *wire.SelectApplication:
		return true
	case *wire.ISOSelect:
		return isFence(m)
	}
	return false
}

// mayHold finds whether a command that leaves something pending or commits may
// go: not while something older may still be pending unnoticed.
func (c *Card) mayHold(cmd wire.Command, spec *wire.Spec, t wire.FileType) error {
	if c.state.unsettled != "" && !c.conf.Unguarded && (spec.EffectOn(t) == wire.EffectCommit || mayPend(cmd, t)) {
		return &BrokenError{spec.Name, c.state.unsettled, c.state.changed}
	}
	return nil
}

// strength orders methods by what they leave to an attacker.
func strength(m key.Method, t key.Type) int {
	switch m {
	case key.MethodISO:
		return 1
	case key.MethodAES:
		return 2
	case key.MethodISO7816:
		if t == key.TypeAES {
			return 2
		}
		return 1
	case key.MethodEV2First, key.MethodEV2NonFirst:
		return 3
	case key.MethodLRPFirst, key.MethodLRPNonFirst:
		return 4
	}
	return 0
}

// strongEnough reports a method that Config.Weakest does not accept.
func (c *Card) strongEnough(m key.Method, t key.Type) error {
	if weakest := c.conf.Weakest; strength(m, t) < strength(weakest, key.TypeAES) {
		return &WeakMethodError{m, weakest, c.gen}
	}
	return nil
}

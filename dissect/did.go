package dissect

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// commandOf is the command as far as it can be read: whole, its clear part, or
// nil.
func commandOf(t *trace.Message, o *trace.Opened) wire.Command { return common(read(t, o)) }

// common is a command that has two forms as the older one.
func common(cmd wire.Command) wire.Command {
	switch c := cmd.(type) {
	case *wire.ReadDataISO:
		return &c.ReadData
	case *wire.WriteDataISO:
		return &c.WriteData
	case *wire.ReadRecordsISO:
		return &c.ReadRecords
	case *wire.WriteRecordISO:
		return &c.WriteRecord
	case *wire.UpdateRecordISO:
		return &c.UpdateRecord
	}
	return cmd
}

func read(t *trace.Message, o *trace.Opened) wire.Command {
	if o.Command != nil {
		return o.Command
	}
	if t.Spec == nil || t.Garbled || t.Lines[0].Whose != "" {
		return nil
	}
	var c wire.Coder
	cmd := t.Spec.New()
	if t.Class == wire.ClassISO {
		if c.DecodeISO(wire.Encoded{Bytes: t.Body, P1: t.P1, P2: t.P2, Le: t.Le}, cmd) != nil {
			return nil
		}
		return cmd
	}
	if _, err := c.DecodeHead(t.Body, cmd); err != nil {
		return nil
	}
	return cmd
}

// tell says what a message is about and what it did.
func (d *dissector) tell(m *Message, t *trace.Message, o *trace.Opened) {
	if m.Foreign != "" {
		m.About = "for " + whom(m.Foreign)
		m.Did = fmt.Sprintf("%s is for %s, not for a DESFire card.", visible.Text(m.Name), whom(m.Foreign))
		return
	}
	cmd := commandOf(t, o)
	if cmd == nil {
		m.Did = "This is no command that is known."
		if t.Garbled {
			m.Did = "This is no command frame: its lengths do not fit."
		}
		m.refusal(t)
		return
	}
	opened := t.Sent.Sealed.Len() == 0 && !t.Lines[0].Sealed || t.Sent.Plain != nil
	var rsp wire.Message
	if o.OK() {
		rsp = o.Response
	}
	m.About = about(cmd, rsp, opened)
	for _, f := range t.Lines[0].Fields {
		if f.Name == "KnownAs" {
			m.About = f.Value
		}
	}
	switch {
	case opens(t) && !t.Answered:
		m.Did = fmt.Sprintf("Began to prove that both have %s.", m.About)
		m.refusal(t)
	case opens(t) && !m.Good:
		m.Did = fmt.Sprintf("The card refused the authentication with %s: %s.", m.About, t.Status.Error())
	case !t.Answered, !m.Good:
		m.Did = fmt.Sprintf("The card was asked to %s.", purposeOf(t))
		if t.Answered {
			m.Did = fmt.Sprintf("The card refused to %s: %s.", purposeOf(t), t.Status.Error())
		}
		m.refusal(t)
	case opens(t):
		m.authenticated(t, cmd)
	case o.OK() || t.Status == wire.StatusSignatureOK || t.Status == wire.StatusISOLimitReached:
		m.Did, m.More = did(cmd, rsp, opened, d, t)
		if m.Did == "" {
			m.Did = third(purposeOf(t)) + "."
		}
	default:
		m.Did = third(purposeOf(t)) + ", which was not finished."
	}
}

// whom is whom a command is for, in a sentence.
func whom(w string) string {
	switch {
	case strings.HasPrefix(w, "another"):
		return w
	case strings.HasPrefix(w, "card"):
		return "a " + w
	}
	return "the " + w
}

func purposeOf(t *trace.Message) string {
	if t.Spec != nil {
		if p := Purpose(t.Spec); p != "" {
			return p
		}
	}
	return "carry out " + t.Name
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// third is a purpose as what the command does: "Goes to an application".
func third(purpose string) string {
	verb, rest, _ := strings.Cut(purpose, " ")
	switch verb {
	case "one", "the":
		return upper(purpose)
	case "go":
		verb = "goes"
	case "empty":
		verb = "empties"
	default:
		verb += "s"
	}
	return upper(verb + " " + rest)
}

// refusal says what is not known after a message that did not succeed.
func (m *Message) refusal(t *trace.Message) {
	if t.Answered {
		if t.Session != nil && t.Session.Scheme() != wire.SchemeD40 && !opens(t) {
			m.More = "The refusal ends the session. No MAC protects it, so that anybody on the air can have sent it."
		}
		return
	}
	m.Words = joined(m.Words, t.Failed)
	effect := wire.EffectImmediate
	if t.Spec != nil {
		effect = t.Spec.Effect
	}
	switch {
	case t.Spec != nil && effect == wire.EffectNone:
		m.More = "No answer came. The command changes nothing on the card."
	case effect == wire.EffectPending:
		m.More = "No answer came. Whatever the card got, nothing changes before a commit."
	default:
		m.More = "No answer came: it may have happened on the card or not. Ask the card before it is done again."
	}
}

// authenticated says what an authentication showed.
func (m *Message) authenticated(t *trace.Message, cmd wire.Command) {
	key := "the key"
	if c := keyOf(cmd); c >= 0 {
		key = fmt.Sprintf("key %v", wire.KeyNo(c))
	}
	switch {
	case t.Status == wire.StatusAdditionalFrame:
		m.Did, m.More = fmt.Sprintf("Began to prove that both have %s.", key), "The card's challenge was not answered here."
	case t.Opening == nil:
		m.Did = fmt.Sprintf("Card and reader say they have proved to each other that both have %s.", key)
		m.More = "No key that is known here fits, so that nothing in this session can be opened or checked."
	case t.Opening.Altered != "":
		m.Did = fmt.Sprintf("The authentication with %s does not add up: %s.", key, t.Opening.Altered)
	default:
		m.Did = fmt.Sprintf("Card and reader have proved to each other that both have %s.", key)
		m.More = "No key travelled. From here on both have the same session keys, made of the random numbers of this exchange."
	}
}

// keyOf is the number of the key that an authentication is with, -1 if none.
func keyOf(cmd wire.Command) int {
	switch c := cmd.(type) {
	case *wire.Authenticate:
		return int(c.Key)
	case *wire.AuthenticateISO:
		return int(c.Key)
	case *wire.AuthenticateAES:
		return int(c.Key)
	case *wire.AuthenticateEV2First:
		return int(c.Key)
	case *wire.AuthenticateEV2NonFirst:
		return int(c.Key)
	case *wire.AuthenticateLRPFirst:
		return int(c.Key)
	case *wire.AuthenticateLRPNonFirst:
		return int(c.Key)
	}
	return -1
}

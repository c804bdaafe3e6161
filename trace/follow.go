package trace

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Message is one logical command and its answer, frames joined, with what was
// known when it went: for programs that ask why it was answered as it was. Its
// slices are shared with the recording and may not be changed.
type Message struct {
	First, Last int // exchanges
	Class       wire.Class
	INS, P1, P2 byte
	Le          int  // -1: none
	Native      bool // without the frame of ISO 7816-4
	Reader      bool // for the reader, a SAM or another card, not for a DESFire card
	Foreign     bool // for another application, which programs ask every card for
	Garbled     bool // the command is no frame; Frames has its bytes
	Reset       bool // the card was activated anew before it
	Frames      []MessageFrame
	Body        []byte // command behind INS, joined
	Answer      []byte // without status, joined
	Status      wire.Status
	Answered    bool
	Failed      string // what the transport said instead of an answer
	Preset      bool   // session keys were given to take over before it
	Cut         bool   // something of it was cut when it was recorded
	Name        string // of the command
	Spec        *wire.Spec
	App         *wire.AID // selected; nil: not known
	Keys        []Key     // those given, and those that the session taught so far

	// Demands is the mode that the settings of the file and the session's key
	// demand, ModeUnknown where they are not known or the command is about none.
	Demands wire.CommMode

	// Head is how many bytes of Body are clear, Want how many come behind them
	// before protection, -1 if not known. File is the file that it is about.
	Head, Want int
	File       *MessageFile

	// Session is the open session before the message, nil if there is none or
	// its keys are not known; Unknown tells which it is.
	Session *Session
	Unknown string

	// Plain is Body without its protection, nil where that could not be taken
	// off, or where it would hold a key that is changed.
	Plain []byte

	// Right counts the right MACs and CRCs of the command under Session, Wrong
	// says what is wrong with it. Mode is how it was taken to be protected, and
	// AnswerMode the answer, if there was a good one.
	Right      int
	Wrong      []string
	Mode       wire.CommMode
	AnswerMode wire.CommMode

	// Sent and Got are the two halves as the session's keys show them. Bad are
	// all checks of the message that failed under those keys.
	Sent, Got Half
	Bad       []Failure

	// Opening is what became of an authentication, nil if the message is none or
	// no key explains it.
	Opening *Opening

	// After and AfterUnknown are Session and Unknown after the message, AfterApp
	// is App. Doubtful tells that the card may have ended that session.
	After        *Session
	AfterUnknown string
	AfterApp     *wire.AID
	Doubtful     bool

	CarriesKey bool // the command carries a key, in clear or enciphered

	// Lines are the two halves as an Explainer says them, which knows no key. They
	// are not cut.
	Lines [2]Line
}

// Opening is an authentication that a key explains.
type Opening struct {
	Method  key.Method
	Note    string // of the key: Key.Note
	Key     string // its type and check value
	Altered string // what does not fit, empty if all does

	// Answer is the card's last answer deciphered, of EV2 and LRP, with zeros in
	// place of the reader's random. Nil if there is nothing to show.
	Answer []byte
}

// ModeUnknown is the mode of a file of which nothing is known.
const ModeUnknown = modeUnknown

// MessageFrame is one exchange of a Message.
type MessageFrame struct {
	Exchange int
	Raw      []byte // the command as the card got it
	Data     []byte // behind INS, without framing
	Answer   []byte // without status
	Status   wire.Status

	// Command and Response are where the frames of the card lie in those of the
	// exchange, which a reader may have put something around.
	Command, Response Span

	// KeyCommand and KeyResponse are what a recorder cuts of the exchange, since
	// it tells a key to whoever has the key before it.
	KeyCommand, KeyResponse Span
}

// MessageFile is what a recording tells of a file, before or after.
type MessageFile struct {
	No         wire.FileNo
	Known      bool // the settings are known, not the number alone
	Mode       wire.CommMode
	Access     wire.AccessRights
	Additional []wire.AccessRights
}

// Granting are the rights of a file that grant a command.
func Granting(ins byte, a wire.AccessRights) []wire.Access { return granting(ins, a) }

// Follow takes a recording apart as Verify does, message by message, with the
// state of the session before each. cfg may be nil. It concludes nothing.
func Follow(rec *Recording, cfg *VerifyConfig) []Message {
	return verify(rec, cfg, true).followed
}

func (v *verifier) describe(m *message) Message {
	d := Message{
		First: m.first(), Last: m.last(), Class: m.class, INS: m.ins, P1: m.p1, P2: m.p2, Le: m.le,
		Native: m.native, Reader: m.reader || m.other, Foreign: m.foreign(), Garbled: m.garbled, Reset: m.reset, Body: m.body, Answer: m.rsp,
		Status: m.status, Answered: m.answered, Failed: m.failed, Preset: m.preset != nil, Cut: m.isCut(), Name: m.label(), Spec: m.spec(), Unknown: v.foreign,
		Keys: slices.Clip(v.keys), Head: len(m.body), Want: -1, Mode: modeUnknown, AnswerMode: modeUnknown, Demands: modeUnknown,
	}
	d.Sent.Mode, d.Got.Mode = modeUnknown, modeUnknown
	d.Lines = [2]Line(v.words.explain(m))
	_, d.CarriesKey = keyData(m.class, m.ins, m.body)
	for _, p := range m.frames {
		s := v.spans[p.index]
		delete(v.spans, p.index)
		d.Frames = append(d.Frames, MessageFrame{
			Exchange: p.index, Raw: p.frame, Data: p.command, Answer: p.response, Status: p.status,
			Command: Span{p.at, p.at + len(p.frame)}, Response: Span{p.answerAt, p.answerTo}, KeyCommand: s[0], KeyResponse: s[1],
		})
	}
	d.App = v.selected()
	if d.Spec != nil && m.class == wire.ClassNative {
		w := v.view(m, d.Spec)
		d.Head, d.Want = w.head, w.want
		if k, ok := v.fileOf(m); ok {
			d.File = v.factsOf(k)
			no, guessed := -1, v.guessed
			if len(v.sessions) > 0 {
				no = v.sessions[0].keyNo
			}
			d.Demands = v.effective(m, d.Spec.Rule, no)
			v.guessed = guessed
		}
	}
	if len(v.sessions) > 0 {
		d.Session = &Session{v.sessions[0]}
	}
	return d
}

// selected is the application that is selected, nil if that is not known.
func (v *verifier) selected() *wire.AID {
	if v.app == nil {
		return nil
	}
	a := *v.app
	aid := wire.AID(a[0]) | wire.AID(a[1])<<8 | wire.AID(a[2])<<16
	return &aid
}

// afterwards completes the message that was followed last.
func (v *verifier) afterwards() {
	d := &v.followed[len(v.followed)-1]
	if len(v.sessions) > 0 {
		d.After = &Session{v.sessions[0]}
	}
	d.AfterUnknown, d.AfterApp, d.Doubtful = v.foreign, v.selected(), v.uncertain
}

func (v *verifier) factsOf(k fileKeyOf) *MessageFile {
	f, ok := v.files[k]
	if !ok {
		f, ok = v.later[k]
	}
	if !ok || f.observed {
		return &MessageFile{No: wire.FileNo(k.file), Mode: modeUnknown}
	}
	return &MessageFile{No: wire.FileNo(k.file), Known: true, Mode: f.mode, Access: f.access, Additional: f.additional}
}

func (d *Message) checked(best *attempt) {
	if best == nil || best.session == nil {
		return
	}
	d.Session = &Session{best.session} // of several that the keys allow, the one that explains most
	d.Mode, d.AnswerMode = best.view.cmdMode, best.view.rspMode
	d.Sent, d.Got = best.command, best.answer
	d.Right = best.sent.macs + best.sent.crcs
	if best.fits && best.opened {
		d.Plain = best.cmd
	}
	for _, w := range best.bad {
		d.Bad = append(d.Bad, Failure{Exchange: d.Last, Check: w.check, What: w.what})
		if !w.check.ofCard() {
			d.Wrong = append(d.Wrong, w.what)
		}
	}
}

// Session is an open session to whoever has its keys. It ciphers with them and
// gives none away.
type Session struct{ s *session }

// String is the scheme and the key number.
func (s Session) String() string { return fmt.Sprintf("%v session of key %d", s.s.scheme, s.s.keyNo) }

// Format prints String whatever the verb.
func (s Session) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// Scheme is its secure messaging.
func (s *Session) Scheme() wire.Scheme { return s.s.scheme }

// Type is the type of the key that opened it.
func (s *Session) Type() key.Type { return s.s.typ }

// KeyNo is the number of that key, -1 if not known.
func (s *Session) KeyNo() int { return s.s.keyNo }

// TI is the transaction identifier of EV2 and LRP.
func (s *Session) TI() [4]byte { return s.s.ti }

// Counter is the command counter of EV2 and LRP.
func (s *Session) Counter() uint16 { return s.s.st.ctr }

// EncCounter is the running counter of LRP encryption.
func (s *Session) EncCounter() uint32 { return s.s.st.enc }

// IV is the running value of EV1, one block.
func (s *Session) IV() []byte {
	if s.s.mac == nil || s.s.scheme != wire.SchemeEV1 {
		return nil
	}
	return slices.Clone(s.s.st.iv[:s.s.mac.Size()])
}

// CMAC is the whole CMAC of the parts joined, under the session's MAC key: of
// EV1 from iv on, of EV2 from zero if iv is nil, of LRP the one of its own. D40
// has none.
func (s *Session) CMAC(iv []byte, parts ...[]byte) []byte {
	switch {
	case s.s.scheme == wire.SchemeLRP:
		sum := s.s.lrp.mac.Sum(parts...)
		return sum[:]
	case s.s.mac == nil:
		return nil
	}
	s.s.mac.Reset(iv)
	for _, p := range parts {
		s.s.mac.Write(p)
	}
	return slices.Clone(s.s.mac.Sum())
}

// BlockSize is that of the session's cipher.
func (s *Session) BlockSize() int {
	if s.s.block != nil {
		return s.s.block.BlockSize()
	}
	return blockAES
}

// EncryptBlock and DecryptBlock cipher one block with the session key, or the
// session's encryption key. They return nil where that is not known, and for
// LRP, which has Decrypt.
func (s *Session) EncryptBlock(b []byte) []byte { return s.cipher(b, cipher.Block.Encrypt) }

// DecryptBlock is the way back of EncryptBlock.
func (s *Session) DecryptBlock(b []byte) []byte { return s.cipher(b, cipher.Block.Decrypt) }

func (s *Session) cipher(b []byte, f func(_ cipher.Block, dst, src []byte)) []byte {
	if s.s.block == nil || len(b) != s.s.block.BlockSize() {
		return nil
	}
	out := make([]byte, len(b))
	f(s.s.block, out, b)
	return out
}

// DecryptLRP deciphers whole blocks of an LRP session from a counter on.
func (s *Session) DecryptLRP(counter uint32, b []byte) []byte {
	if s.s.lrp == nil || len(b)%blockAES != 0 {
		return nil
	}
	out := slices.Clone(b)
	lrp.NewCBC(s.s.lrp.enc, 1, binary.BigEndian.AppendUint32(nil, counter)).Decrypt(out)
	return out
}

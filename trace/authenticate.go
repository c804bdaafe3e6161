package trace

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// handshakeOf takes an authenticate command apart. ok is false if it has no
// token.
func (m *message) handshakeOf() (h *handshake, ok bool) {
	h = &handshake{keyNo: -1}
	first := m.frames[0]
	if len(first.command) > 0 {
		h.keyNo = int(first.command[0])
	}
	if m.ins == insFirst && len(first.command) > 2 {
		h.caps = first.command[2:]
	}
	lrp := len(first.response) == 17
	switch m.ins {
	case insD40:
		h.method = key.MethodD40
	case insISO:
		h.method = key.MethodISO
	case insAES:
		h.method = key.MethodAES
	case insFirst:
		if h.method = key.MethodEV2First; lrp {
			h.method = key.MethodLRPFirst
		}
	case insNonFirst:
		if h.method = key.MethodEV2NonFirst; lrp {
			h.method = key.MethodLRPNonFirst
		}
	}
	h.challenge = first.response
	if len(m.frames) < 2 {
		return h, false
	}
	h.token, h.answer = m.frames[1].command, m.frames[1].response
	return h, true
}

// authenticate follows an authenticate command. It ends the session before,
// whatever comes of it.
func (v *verifier) authenticate(m *message) {
	before := v.sessions
	v.endSession()
	h, complete := m.handshakeOf()
	name := fmt.Sprintf("authentication %02X with key %d", m.ins, h.keyNo)
	switch {
	case !complete && m.answered && !m.ok() && m.status != wire.StatusAdditionalFrame:
		v.rejected = append(v.rejected, Failure{Exchange: m.first(), Check: CheckKeys, What: name + ": " + cardRefused(m)})
		v.opened(m, nil, "refused")
		return
	case !complete && m.ok():
		v.reason(m.first(), CheckChallenge, "%s: the card answered %04X %s instead of a challenge", name, uint16(m.status), m.status.String())
		v.opened(m, nil, "no challenge came")
		return
	case !complete || !m.answered:
		v.opened(m, nil, "not finished")
		return
	}
	if m.status != wire.StatusOK && len(h.answer) == 0 {
		v.refusedToken(m, h, name)
		return
	}
	v.finish(m, h, before, name)
}

// finish looks for the key of a finished handshake and starts the session.
func (v *verifier) finish(m *message, h *handshake, before []*session, name string) {
	f := v.fitting(h)
	if f == nil {
		v.foreign = fmt.Sprintf("no known key explains the authentication of exchange %d", m.first())
		note := "no known key explains it"
		if v.trials > maxTrials {
			note = "none of the keys that fitted before explains it; not all keys are tried with so many authentications"
		}
		v.reason(m.first(), CheckKeys, "%s: %s", name, note)
		v.opened(m, nil, note)
		return
	}
	v.use(f.key)
	altered := true
	switch {
	case f.altered == alteredChallenge:
		v.fail(m.first(), CheckChallenge, "%s: %s", name, f.altered)
	case f.altered == alteredToken:
		v.fail(m.last(), CheckToken, "%s: %s", name, f.altered)
	case f.altered != "":
		v.fail(m.last(), CheckProof, "%s: %s", name, f.altered)
	case m.frames[0].status != wire.StatusAdditionalFrame && m.class == wire.ClassNative:
		v.fail(m.first(), CheckStatus, "%s: the challenge has the status %v instead of AF", name, m.frames[0].status)
	case m.status != wire.StatusOK && m.class == wire.ClassNative, !m.ok():
		v.fail(m.last(), CheckStatus, "%s: the card's answer is right, but its status is %v", name, m.status)
	default:
		altered = false
		v.res.Authentications++
	}
	note := "the card's answer is right, key: " + key.String(f.key)
	if altered {
		note = "altered"
	}
	if v.follow {
		v.followed[len(v.followed)-1].Opening = v.opening(h, f)
	}
	list, err := h.start(f, before)
	if err != nil {
		v.foreign = fmt.Sprintf("the authentication of exchange %d opens a session that cannot be followed", m.first())
		if !altered {
			v.reason(m.first(), CheckFollowing, "%s: %v", name, err)
		}
	} else {
		v.sessions, v.proven = list, !altered
	}
	v.opened(m, nil, note)
}

// opening says what became of a handshake.
func (v *verifier) opening(h *handshake, f *fit) *Opening {
	o := &Opening{Method: h.method, Key: key.String(f.key), Altered: f.altered, Answer: f.shown}
	if i := slices.IndexFunc(v.keys, func(k Key) bool { return k.Value == f.key }); i >= 0 {
		o.Note = v.keys[i].Note
	}
	return o
}

// use notes that a key was needed, if it is none that the session taught.
func (v *verifier) use(k *key.Secret) {
	given := func(l Key) bool { return l.Value == k }
	if i := slices.IndexFunc(v.keys[:v.given], given); i >= 0 && !slices.ContainsFunc(v.res.Used, given) {
		v.res.Used = append(v.res.Used, v.keys[i])
	}
}

// maxSearches bounds how often a recording may make Verify look for a wrong
// bit in a challenge, which is slow.
const maxSearches = 64

// maxTrials bounds how often keys are tried with authentications, in AES keys; one of LRP
// is as slow as lrpTrials of them. Later only those are tried that fitted before.
const (
	maxTrials = 200_000
	lrpTrials = 32
)

// mayTry reports whether key i is tried with a handshake.
func (v *verifier) mayTry(i int, h *handshake) bool {
	if v.trials <= maxTrials {
		if v.trials++; h.method == key.MethodLRPFirst || h.method == key.MethodLRPNonFirst {
			v.trials += lrpTrials - 1
		}
		return true
	}
	return i >= v.given || slices.ContainsFunc(v.res.Used, func(k Key) bool { return k.Value == v.keys[i].Value })
}

// fitting tries the keys: those for the selected application and the number
// first, then all. A key that fits every part counts more than one that fits
// two of three.
func (v *verifier) fitting(h *handshake) (best *fit) {
	for _, strict := range [...]bool{true, false} {
		for i := len(v.keys) - 1; i >= 0; i-- { // the last learned first
			k := v.keys[i]
			if strict != v.meant(k, h.keyNo) || !v.mayTry(i, h) {
				continue
			}
			f, ok := h.try(k.Value)
			if ok && f.altered == "" {
				return f
			}
			if ok && best == nil {
				best = f
			}
		}
	}
	for i := len(v.keys) - 1; i >= 0 && best == nil && v.searches < maxSearches; i-- {
		v.searches++
		if f, ok := h.search(v.keys[i].Value); ok {
			best = f
		}
	}
	return best
}

// meant reports whether a key says that it is for this place.
func (v *verifier) meant(k Key, no int) bool {
	return (k.No < 0 || no < 0 || k.No == no&0x3F) && (k.App == nil || v.app == nil || *k.App == *v.app)
}

// isoCommand follows commands of ISO 7816-4.
func (v *verifier) isoCommand(m *message) {
	note := ""
	switch m.ins {
	case insISOSelect:
		if m.ok() || m.status == wire.StatusISOLimitReached {
			var s wire.ISOSelect
			err := v.coder.DecodeISO(wire.Encoded{Bytes: m.body, P1: m.p1, P2: m.p2, Le: m.le}, &s)
			switch {
			case err == nil && s.By == wire.SelectEF:
			case err == nil && s.By == wire.SelectByID && len(m.body) == 2 && s.FID != isoMaster:
				v.uncertain = true // an application or a file
			default:
				v.endSession()
				v.app = nil
				if string(s.Name) == string(wire.PICCName[:]) {
					v.app = new([3]byte)
				}
			}
		}
	case insChallenge:
		v.iso = nil
		if m.ok() && (len(m.rsp) == 8 || len(m.rsp) == 16) {
			v.iso = &handshake{method: key.MethodISO7816, keyNo: -1, challenge: slices.Clone(m.rsp)}
		}
	case insExternal:
		if v.iso == nil {
			break
		}
		v.iso.keyNo, v.iso.token = int(m.p2&0x1F), m.body
		if m.done() && !m.ok() {
			v.endSession()
			v.refusedToken(m, v.iso, fmt.Sprintf("ISO 7816-4 authentication with key %d", v.iso.keyNo))
			v.iso = nil
			return
		}
	case insInternal:
		h := v.iso
		if v.iso = nil; h == nil || h.token == nil || !m.ok() && len(m.rsp) == 0 {
			break
		}
		v.endSession()
		h.rndA2, h.answer = m.body, m.rsp
		v.finish(m, h, nil, fmt.Sprintf("ISO 7816-4 authentication with key %d", h.keyNo))
		return
	case insReadBin, insReadRec:
		if m.ok() {
			note = v.isoRead(m)
		}
	default:
		if len(v.sessions) > 0 {
			v.uncertain = true
		}
	}
	v.opened(m, nil, note)
}

const isoMaster = 0x3F00

// isoRead looks whether an ISO read in an EV1 session ends with a CMAC.
func (v *verifier) isoRead(m *message) string {
	n := len(m.rsp) - macEV1
	var moved []*session
	for _, s := range v.sessions {
		if s.scheme != wire.SchemeEV1 || n < 0 {
			continue
		}
		c := *s
		if string(c.running(&c.st, m.rsp[:n], []byte{0})) == string(m.rsp[n:]) {
			moved = append(moved, &c)
			if v.follow {
				d := &v.followed[len(v.followed)-1]
				d.Session, d.Got.Mode = &Session{s}, wire.CommMAC
				d.Got.mac(m.rsp[n:], m.rsp)
			}
		}
	}
	if moved != nil {
		v.sessions, v.proven = moved, true
		v.res.MACs++
		return "CMAC right"
	}
	v.uncertain = v.uncertain || len(v.sessions) > 0
	return ""
}

package trace

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// VerifyConfig says what Verify may use besides the recording. The zero value
// uses the keys of the recording alone.
type VerifyConfig struct {
	Keys        []Key // further keys
	DefaultKeys bool  // try the keys of zeros that cards are delivered with

	// KeepKeys leaves the keys in Opened.Plain and Opened.Command that a command
	// carries, but for those of key changes: for a replay.
	KeepKeys bool
}

// Verify finds the authentications of a recording, derives their session keys
// with the keys that fit, and checks every MAC, CMAC and CRC in both
// directions. cfg may be nil.
func Verify(rec *Recording, cfg *VerifyConfig) *Result { return verify(rec, cfg, false).result() }

// verify follows a recording, and keeps for Follow what it passes.
func verify(rec *Recording, cfg *VerifyConfig, follow bool) *verifier {
	if cfg == nil {
		cfg = new(VerifyConfig)
	}
	keys := cfg.allKeys(rec.Keys)
	// What the recording tells of a file after it was used serves the second
	// time.
	v := newVerifier(rec, keys, nil)
	v.keep, v.follow = cfg.KeepKeys, follow
	v.run()
	if v.guessed && len(v.files) > 0 {
		v = newVerifier(rec, keys, v.files)
		v.keep, v.follow = cfg.KeepKeys, follow
		v.run()
	}
	return v
}

// allKeys are the keys to try: those given, those of a recording, and those of
// zeros if they are asked for.
func (cfg *VerifyConfig) allKeys(more []Key) []Key {
	keys := slices.Concat(cfg.Keys, more)
	if cfg.DefaultKeys {
		for _, t := range [...]key.Type{key.TypeAES, key.TypeDES, key.Type3K3DES} {
			keys = append(keys, Key{No: -1, Value: key.Zero(t)})
		}
	}
	return keys
}

// verifier follows one recording.
type verifier struct {
	knowledge
	rec   *Recording
	keys  []Key
	given int // of keys; the others were learned
	res   Result

	sessions  []*session
	proven    bool   // a check has passed under the session keys
	uncertain bool   // the card may have ended the session
	foreign   string // not empty: a session is open whose keys are not known
	iso       *handshake
	searches  int // for wrong bits in challenges
	trials    int // of keys
	effort    int // for wrong bits in answers
	reasons   []Failure
	rejected  []Failure
	keep      bool // key bytes in what is opened
	cutter    cutter
	over      map[int]bool // exchanges of which more was cut than a recorder cuts
	lostIt    bool         // foreign is so because an answer was lost
	tail      bool         // the open session cannot be followed, because of a cut
	doubtful  []Failure    // of a preset none of whose checks has passed yet
	now       *message     // that is being followed
	ended     []*session   // the session before, and what ended it
	endedBy   string
	adrift    string // not empty: why the state of the session is a guess
	preset    bool   // there was one
	follow    bool   // keep followed
	followed  []Message
	spans     map[int][2]Span // what a recorder cuts of exchanges that are not followed yet
	words     Explainer
}

func newVerifier(rec *Recording, keys []Key, later files) *verifier {
	return &verifier{rec: rec, keys: slices.Clone(keys), given: len(keys), knowledge: knowledge{files: files{}, later: later}, words: Explainer{know: knowledge{files: files{}}, keyNo: -1, started: true}}
}

func (v *verifier) run() {
	j := joiner{framing: v.rec.Framing, patient: true}
	v.cutter.framing = v.rec.Framing
	for i := range v.rec.Exchanges {
		v.overcut(i, &v.rec.Exchanges[i])
		for _, m := range j.feed(&v.rec.Exchanges[i]) {
			v.message(m)
		}
	}
	if m := j.flush(); m != nil {
		v.message(m)
	}
	v.endSession()
}

func (v *verifier) result() *Result {
	r := &v.res
	r.ID = v.rec.ID
	checks := r.Authentications + r.MACs + r.CRCs
	switch {
	case len(r.Failures) > 0:
		r.Verdict = Failed
		r.Failures = append(r.Failures, v.reasons...)
		slices.SortStableFunc(r.Failures, func(a, b Failure) int { return cmp.Compare(a.Exchange, b.Exchange) })
	case len(v.reasons) > 0:
		r.Failures = v.reasons
	case checks > 0:
		r.Verdict = Verified
	case len(v.rejected) > 0:
		r.Failures = v.rejected
	case v.preset:
		r.Failures = []Failure{{-1, CheckProtection, "plain exchanges only: session keys are given, but nothing is protected with them", true}}
	default:
		r.Failures = []Failure{{-1, CheckProtection, "plain exchanges only: no authentication and no session keys are in the recording, nothing in it is protected", true}}
	}
	if r.Skipped = v.rec.Missed(); r.Skipped == nil {
		r.Skipped = []Skipped{}
	}
	if r.Failures == nil {
		r.Failures = []Failure{}
	}
	if r.Cut == nil {
		r.Cut = []Failure{}
	}
	return r
}

func (v *verifier) fail(exchange int, check Check, format string, args ...any) {
	v.res.Failures = append(v.res.Failures, Failure{exchange, check, fmt.Sprintf(format, args...), false})
}

func (v *verifier) reason(exchange int, check Check, format string, args ...any) {
	v.reasons = append(v.reasons, Failure{exchange, check, fmt.Sprintf(format, args...), true})
}

// message follows one message.
func (v *verifier) message(m *message) {
	v.now = m
	if m.reset {
		v.endSession()
		v.app = new([3]byte)
	}
	if m.preset != nil {
		v.takeOver(m)
	}
	if v.follow {
		v.followed = append(v.followed, v.describe(m))
	}
	switch {
	case v.blanked(m):
	case m.reader, m.other:
		v.forOthers(m)
	case m.garbled:
		v.malformed(m)
	case m.isAuth():
		v.authenticate(m)
	case m.class == wire.ClassISO:
		v.isoCommand(m)
	case m.ins == insSelect:
		v.selectApplication(m)
	case len(v.sessions) > 0:
		v.inSession(m)
	default:
		v.outside(m)
	}
	if m.ins != insChallenge && m.ins != insExternal && m.ins != insInternal {
		v.iso = nil
	}
	if v.follow {
		v.afterwards()
	}
}

// INS of commands that this package treats by themselves.
const (
	insSelect         = 0x5A
	insDelete         = 0xDA
	insConfig         = 0x5C
	insChangeKey      = 0xC4
	insChangeKey2     = 0xC6
	insRollKeySet     = 0x55
	insFormat         = 0xFC
	insChangeFile     = 0x5F
	insPreparePC      = 0xF0
	insCommitReaderID = 0xC8
	insReadSig        = 0x3C

	insISOSelect = 0xA4
	insReadBin   = 0xB0
	insReadRec   = 0xB2
	insChallenge = 0x84
	insExternal  = 0x82
	insInternal  = 0x88
)

// endSession forgets the session.
func (v *verifier) endSession() {
	v.settleDoubt()
	if len(v.sessions) > 0 {
		v.ended, v.endedBy = v.sessions, v.ending()
	}
	v.sessions, v.proven, v.uncertain, v.adrift, v.foreign, v.tail = nil, false, false, "", "", false
	v.lostIt = false
}

// settleDoubt reports what failed under session keys that were given. Where
// nothing else is right under them, they may be others than the session's.
func (v *verifier) settleDoubt() {
	if len(v.doubtful) > 0 && !v.proven {
		v.doubtful[0].What += "; nothing is right under the session keys that are given here: they may belong to another session"
	}
	v.res.Failures = append(v.res.Failures, v.doubtful...)
	v.doubtful = nil
}

// takeOver starts the session of a preset.
func (v *verifier) takeOver(m *message) {
	v.preset = true
	s, err := m.preset.takeOver()
	if err != nil {
		v.endSession()
		v.reason(m.first(), CheckKeys, "%v", err)
		return
	}
	proven := v.proven && len(v.sessions) == 1 && v.sessions[0].same(s)
	if !proven {
		v.endSession()
	}
	v.sessions, v.proven, v.uncertain, v.adrift, v.foreign = []*session{s}, proven, false, "", ""
}

// same reports whether two sessions have the same identifier and keys.
func (s *session) same(t *session) bool {
	if s.scheme != t.scheme || s.ti != t.ti {
		return false
	}
	switch s.scheme {
	case wire.SchemeEV2, wire.SchemeLRP:
		return s.sumEV2(0, 0) == t.sumEV2(0, 0)
	}
	return false
}

// selectApplication follows SelectApplication, which ends a session.
func (v *verifier) selectApplication(m *message) {
	v.endSession()
	if m.status == wire.StatusOK && len(m.body) >= 3 {
		v.app = (*[3]byte)(slices.Clone(m.body[:3]))
	}
	v.opened(m, nil, "")
}

// outside follows a command outside any session whose keys are known.
func (v *verifier) outside(m *message) {
	note := ""
	if v.foreign == "" {
		note = v.astray(m)
	}
	if v.foreign != "" {
		note = "not checked: " + v.foreign
		v.unfollowed(m)
		if v.lostIt && !v.plain(m) {
			v.reason(m.first(), CheckFollowing, "%s: not checked: %s", m.label(), v.foreign)
			v.lostIt = false
		}
		if m.done() && !m.ok() {
			v.foreign = ""
		}
	}
	v.opened(m, nil, note)
	v.learnFiles(m, m.body, m.rsp)
	if m.ok() && m.ins == insDelete && v.app != nil && len(m.body) >= 3 && *v.app == [3]byte(m.body) {
		v.app = new([3]byte)
	}
}

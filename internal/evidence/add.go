package evidence

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// Options say what is to be filed, and how.
type Options struct {
	Source string // where it comes from: an address, or who sent it
	Card   string // what the card is; empty: what the file says
	Verify trace.VerifyConfig

	// WithKeys files the keys that verifying needs, and all that is cut without
	// them: for test keys that may be known to everybody.
	WithKeys bool
	KeepUID  bool
	Simulate bool // file what a simulated card said, as such
}

// Addition is what became of one file.
type Addition struct {
	File    string   `json:"file"`
	Kind    string   `json:"kind"`    // "recording" or "report"
	Refused *Refusal `json:"refused"` // why it is not filed, or null
	Name    string   `json:"name"`    // below testdata
	Written string   `json:"written"` // the file that was written, empty with --dry-run

	Recording *FiledRecording `json:"recording,omitempty"`
	Report    *FiledReport    `json:"report,omitempty"`

	Moves    []Move   `json:"moves"`    // cells of docs/evidence.md
	Redacted []string `json:"redacted"` // what was taken out
	Remains  []string `json:"remains"`  // what is personal, and still there
	Notes    []string `json:"notes"`

	Data []byte `json:"-"` // to be written
}

// FiledRecording is what Verify says of a recording.
type FiledRecording struct {
	Result          trace.Verdict   `json:"result"` // as it was sent, with the keys that were given
	Authentications int             `json:"authentications"`
	MACs            int             `json:"macs"`
	CRCs            int             `json:"crcs"`
	Failures        []trace.Failure `json:"failures"`
	Filed           trace.Verdict   `json:"filed_result"` // as it is filed, to whoever has the source tree alone
}

// Reason names why something is not filed.
type Reason string

// Reasons.
const (
	Forged    Reason = "forged"    // a check fails, or more is cut than carries keys
	OfSim     Reason = "simulated" // it is of the simulated card
	Duplicate Reason = "duplicate" // it is there already
	Untold    Reason = "untold"    // it does not say what has to be known of it, or contradicts itself
	Secret    Reason = "secret"    // it would tell a key
)

// Refusal is why something is not filed.
type Refusal struct {
	Reason Reason `json:"reason"`
	Why    string `json:"why"`
}

// refused notes the first refusal, which counts.
func (a *Addition) refuse(r Reason, format string, args ...any) {
	if a.Refused == nil {
		a.Refused = &Refusal{r, fmt.Sprintf(format, args...)}
	}
}

func newAddition(kind string) *Addition {
	return &Addition{Kind: kind, Moves: []Move{}, Redacted: []string{}, Remains: []string{}, Notes: []string{}}
}

// AddRecording judges a recording that somebody sent, and makes the file that is
// to be written of it. tree may be nil where there is no source tree: then
// neither duplicates nor moved cells are found.
func AddRecording(rec *trace.Recording, o *Options, tree *Evidence) *Addition {
	a := newAddition("recording")
	res := trace.Verify(rec, &o.Verify)
	a.Recording = &FiledRecording{Result: res.Verdict, Authentications: res.Authentications, MACs: res.MACs, CRCs: res.CRCs, Failures: res.Failures}
	a.judge(rec, res)
	sim := Simulated(rec)
	if sim != "" && !o.Simulate {
		a.refuse(OfSim, "it is of the simulated card, which is no evidence: %s", sim)
	}
	if tree != nil {
		a.duplicate(rec, tree)
	}
	described := a.describe(rec, res, o, sim)
	r := redact(described, res, o.WithKeys, o.KeepUID)
	a.Redacted, a.Remains = r.done, r.remains
	a.file(r.rec, o, sim)
	if !o.WithKeys {
		a.secrets(append(slices.Clone(o.Verify.Keys), rec.Keys...), r.rec)
	} else if n := len(r.rec.Keys); n > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("keys that become public with it: %d, and those that key changes in it set", n))
	}
	if tree != nil && a.Refused == nil {
		after := maps.Clone(tree.Table)
		after.take(r.rec, trace.Verify(r.rec, nil), Captured)
		a.Moves = after.Moves(tree.Table)
	}
	return a
}

// judge says what verifying means for the recording.
func (a *Addition) judge(rec *trace.Recording, res *trace.Result) {
	for _, f := range res.Failures {
		if f.Check == trace.CheckWhole {
			a.refuse(Forged, "%v", f)
		}
	}
	switch {
	case res.Verdict == trace.Failed && !res.Mistakes():
		a.refuse(Forged, "it is altered or forged: %v", firstOfCard(res))
	case res.Verdict != trace.Verified && res.Mistakes():
		a.Notes = append(a.Notes, "what the card refused counts as refused: "+res.Failures[0].String())
	case res.Verdict == trace.Unverifiable && !bare(res):
		a.Notes = append(a.Notes, "what is protected in it does not count, since it cannot be verified: "+res.Failures[0].String())
	}
	if n := len(res.Skipped); n > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("of the log %d lines were not taken, the first is %v", n, res.Skipped[0]))
	}
	if len(res.Cut) > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%d key changes in it were cut, and count for nothing", len(res.Cut)))
	}
	for i := range rec.Exchanges {
		if rec.Exchanges[i].Computed != "" {
			a.Notes = append(a.Notes, "parts of it were calculated, and count for nothing")
			break
		}
	}
}

// firstOfCard is the first failure that is no mistake of the reader.
func firstOfCard(res *trace.Result) trace.Failure {
	return res.Failures[max(0, slices.IndexFunc(res.Failures, res.Grave))]
}

// bare reports whether nothing in a recording is protected.
func bare(res *trace.Result) bool {
	return len(res.Failures) == 1 && res.Failures[0].Check == trace.CheckProtection
}

// describe returns a copy that says where the recording comes from and what the
// card is. It shares the exchanges.
func (a *Addition) describe(sent *trace.Recording, res *trace.Result, o *Options, sim string) *trace.Recording {
	c := *sent
	rec := &c
	if o.Source != "" {
		rec.Source = o.Source
	}
	if rec.Source == "" {
		a.refuse(Untold, "it does not say where it comes from: give --source")
	}
	if o.Card != "" {
		rec.Card.Generation = o.Card
	}
	said := ""
	for _, m := range res.Messages {
		if v, ok := m.Response.(*wire.Version); ok {
			g, _ := v.Generation()
			said = g.String()
			if rec.Card.GetVersion == "" && len(m.PlainAnswer) >= 28 {
				rec.Card.GetVersion = frames(m.PlainAnswer)
			}
		}
	}
	claimed, err := wire.ParseGeneration(strings.ToLower(strings.TrimSpace(rec.Card.Generation)))
	switch {
	case rec.Card.Generation == "" && said == "":
		a.refuse(Untold, "neither it nor an answer to GetVersion says what the card is: give --card")
	case rec.Card.Generation == "":
		rec.Card.Generation = said
	case err == nil && said != "" && claimed.String() != said:
		a.refuse(Untold, "it is said to be of %v, but the card's GetVersion says %s", claimed, said)
	}
	if sim != "" {
		rec.Card.Note = strings.TrimSpace("simulated card; " + rec.Card.Note)
	}
	return rec
}

// file makes the file.
func (a *Addition) file(rec *trace.Recording, o *Options, sim string) {
	rec.ID = name(rec)
	folder := "traces"
	if sim != "" {
		folder = "simulated"
	}
	a.Name = path.Join(folder, rec.ID+".json")
	res := trace.Verify(rec, nil)
	a.Recording.Filed = res.Verdict
	rec.Verified, rec.VerifiedWhat = false, nil
	var b bytes.Buffer
	var err error
	if o.WithKeys {
		if rec.Verified = res.Verdict == trace.Verified; rec.Verified {
			rec.VerifiedWhat = []string{
				fmt.Sprintf("%d authentications", res.Authentications), fmt.Sprintf("%d MACs", res.MACs), fmt.Sprintf("%d CRCs", res.CRCs),
				"counted by this module when it was added",
			}
		}
		err = rec.WriteWithKeys(&b)
	} else {
		err = rec.Write(&b, trace.FormatJSON)
	}
	if err != nil {
		a.refuse(Untold, "it cannot be written: %v", err)
	}
	a.Data = b.Bytes()
	switch {
	case o.WithKeys && a.Recording.Result == trace.Verified && res.Verdict != trace.Verified:
		a.refuse(Untold, "as it would be filed it does not verify: %s", res.Reason())
	case !o.WithKeys && a.Recording.Result == trace.Verified:
		a.Notes = append(a.Notes, "without its keys nobody can verify it any more: what is protected in it does not count. If they are test keys: --with-keys")
	}
}

// secrets looks whether the bytes of a known key stand in the frames.
func (a *Addition) secrets(keys []trace.Key, rec *trace.Recording) {
	for _, k := range keys {
		b := k.Value.Export()
		if len(bytes.Trim(b, string(b[:1]))) == 0 {
			continue // zeros stand everywhere
		}
		for i := range rec.Exchanges {
			e := &rec.Exchanges[i]
			if bytes.Contains(e.Command, b) || bytes.Contains(e.Response, b) {
				a.refuse(Secret, "exchange %d holds the bytes of a known key, in clear", i)
			}
		}
		clear(b)
	}
}

// duplicate looks for the recording, or a part of it, in the tree.
func (a *Addition) duplicate(rec *trace.Recording, tree *Evidence) {
	mine := traffic(rec)
	for _, list := range [][]Session{tree.Sessions, tree.Foreign} {
		for _, s := range list {
			other := traffic(s.Recording)
			switch {
			case mine == other:
				a.refuse(Duplicate, "it is %s", s.Recording.ID)
			case strings.Contains(other, mine):
				a.refuse(Duplicate, "it is a part of %s", s.Recording.ID)
			}
			if at := sameRandom(rec, s.Recording); at >= 0 {
				a.refuse(Duplicate, "the authentication in exchange %d stands in %s as well: cards do not draw the same random twice", at, s.Recording.ID)
			}
		}
	}
}

// traffic is what went over the air, as a text in which parts can be looked for.
func traffic(rec *trace.Recording) string {
	var b strings.Builder
	for i := range rec.Exchanges {
		fmt.Fprintf(&b, "|%x>%x", rec.Exchanges[i].Command, rec.Exchanges[i].Response)
	}
	b.WriteString("|")
	return b.String()
}

// sameRandom is the exchange of rec in which a card gave a challenge that it gave
// in other, too; -1 if there is none.
func sameRandom(rec, other *trace.Recording) int {
	theirs := map[string]bool{}
	for i := range other.Exchanges {
		if c := challenge(&other.Exchanges[i]); c != "" {
			theirs[c] = true
		}
	}
	for i := range rec.Exchanges {
		if theirs[challenge(&rec.Exchanges[i])] {
			return i
		}
	}
	return -1
}

// challenge is what a card answers to the first frame of an authentication, empty
// if the exchange is none.
func challenge(e *trace.Exchange) string {
	if len(e.Command) < 2 || len(e.Response) < 9 {
		return ""
	}
	ins, n := e.Command[0], len(e.Response)-2
	data, more := e.Response[1:], e.Response[0] == 0xAF
	if ins == 0x90 {
		ins, data, more = e.Command[1], e.Response[:n], e.Response[n] == 0x91 && e.Response[n+1] == 0xAF
	}
	switch ins {
	case 0x0A, 0x1A, 0xAA, 0x71, 0x77:
		if more {
			return string(data)
		}
	}
	return ""
}

// name is a name that stays the same for the same content and source.
func name(rec *trace.Recording) string {
	sum := sha256.Sum256([]byte(traffic(rec)))
	s := fmt.Sprintf("%s-%s-%x", slug(rec.Source, 24), slug(rec.Card.Generation, 8), sum[:3])
	if strings.HasPrefix(s, published) {
		s = "sent-" + s
	}
	return s
}

// slug is a text as a part of a name.
func slug(text string, most int) string {
	var b strings.Builder
	text = strings.ToLower(text)
	for _, cut := range []string{"https://", "http://", "www."} {
		text = strings.TrimPrefix(text, cut)
	}
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-")
	s = strings.Trim(s[:min(len(s), most)], "-")
	if s == "" {
		return "unnamed"
	}
	return s
}

// frames writes an answer to GetVersion as recordings do.
func frames(b []byte) string { return fmt.Sprintf("%x %x %x", b[:7], b[7:14], b[14:]) }

package mobile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
)

// SUN checks messages that tags show to everybody (secure unique NFC, secure dynamic messaging). It needs no card.
// Keys on a phone are for tests and for few tags: a server is where messages of many are checked.
type SUN struct {
	template string
	lrp      bool
	file     key.Key
	meta     key.Key
	counters string
}

// NewSUN checks messages by a pattern, the URL with {picc}, {uid}, {ctr}, {mac} and so on in it. An empty one
// lets each message say by itself what it is; what its MAC does not cover is told then.
func NewSUN(pattern string) *SUN { return &SUN{template: pattern} }

// SetLRP says that the tags use LRP.
func (s *SUN) SetLRP(on bool) { s.lrp = on }

// SetFileKey sets the file read key, in the form TYPE:HEX/VERSION.
func (s *SUN) SetFileKey(text string) (err error) {
	s.file, err = sunKey("the file read key", text)
	return err
}

// SetMetaKey sets the meta read key, for messages with {picc}.
func (s *SUN) SetMetaKey(text string) (err error) {
	s.meta, err = sunKey("the meta read key", text)
	return err
}

// SetCounters remembers the last counter of each tag in a file of the app: a message that is not newer is an error with code
// "replay". Without it a message passes again and again.
func (s *SUN) SetCounters(path string) { s.counters = path }

func sunKey(what, text string) (key.Key, error) {
	k, err := written(what, text)
	switch {
	case err != nil:
		return nil, err
	case k.Type() != key.TypeAES:
		return nil, coded(CodeInput, errors.New(what+" is no AES key"))
	}
	return k, nil
}

// sdmTag is what desfire sdm verify prints.
type sdmTag struct {
	UID     hexBytes `json:"uid"`
	Counter *uint32  `json:"counter"`
	File    hexBytes `json:"file"`
	Fresh   bool     `json:"fresh"`

	Template  string   `json:"template,omitempty"`
	Covers    *string  `json:"covers,omitempty"`
	Uncovered string   `json:"uncovered,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

// Verify checks one URL.
func (s *SUN) Verify(url string) (string, error) {
	if s.file == nil {
		return "", usage("the file read key is missing: SetFileKey")
	}
	ctx := context.Background()
	r, err := s.reading(url)
	if err != nil {
		return "", coded(CodeInput, err)
	}
	v := &sdm.Verifier{MetaRead: s.meta, FileRead: s.file, LRP: s.lrp}
	if s.counters != "" {
		v.Replay = &sdm.CounterFile{Path: s.counters}
	}
	tag, covers, err := v.VerifyReading(ctx, r)
	if err != nil {
		return "", s.wrong(ctx, v, r, err)
	}
	j := sdmTag{UID: tag.UID, File: tag.File, Fresh: s.counters != "", Notes: r.Notes}
	if tag.HasCounter {
		j.Counter = &tag.Counter
	}
	if r.Assumed {
		j.Covers, j.Template, j.Uncovered = &covers.Text, covers.Template, covers.Loose
	}
	return encode(j)
}

func (s *SUN) reading(url string) (*sdm.Reading, error) {
	if s.template == "" {
		return sdm.Guess(url, s.lrp)
	}
	t, err := sdm.ParseTemplate(s.template, s.lrp)
	if err != nil {
		return nil, fmt.Errorf("the template: %w", err)
	}
	return t.Find(url)
}

// wrong is an error with its causes.
func (s *SUN) wrong(ctx context.Context, v *sdm.Verifier, r *sdm.Reading, err error) error {
	var other *sdm.CoverageError
	switch {
	case errors.As(err, &other):
		return coded(CodeNotAuthentic, fmt.Errorf("%w; it does not cover %q", err, other.Coverage.Loose))
	case errors.Is(err, sdm.ErrMAC), errors.Is(err, sdm.ErrPICCData):
		var words []string
		for _, c := range v.Explain(ctx, r) {
			words = append(words, c.Words)
		}
		return failed(fmt.Errorf("%w: %s", err, strings.Join(words, "; ")))
	case codeIn(err) == CodeRefused: // no card was asked
		return coded(CodeInput, err)
	}
	return failed(err)
}

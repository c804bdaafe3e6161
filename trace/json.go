package trace

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-desfire/desfire/key"
)

// The file format, as testdata/README.md describes it. Fields that only our
// own recordings have are last in each struct and left out when empty.
type fileRecording struct {
	ID           string         `json:"id"`
	Source       string         `json:"source"`
	Card         fileCard       `json:"card"`
	Framing      string         `json:"framing"`
	Keys         []fileKey      `json:"keys"`
	RndA         []hexBytes     `json:"rnd_a"`
	Exchanges    []fileExchange `json:"exchanges"`
	Notes        string         `json:"notes"`
	Verified     bool           `json:"verified,omitempty"`
	VerifiedWhat []string       `json:"verified_what,omitempty"`
}

type fileCard struct {
	Generation string   `json:"generation"`
	GetVersion *string  `json:"get_version"`
	Note       string   `json:"note,omitempty"`
	Reader     string   `json:"reader,omitempty"`
	ATR        hexBytes `json:"atr,omitempty"`
}

type fileKey struct {
	App  *hexBytes `json:"app"`
	No   *int      `json:"no"`
	Alg  string    `json:"alg"`
	Key  hexBytes  `json:"key"`
	Ver  *int      `json:"version,omitempty"`
	Note string    `json:"note,omitempty"`
}

type fileExchange struct {
	C         hexBytes    `json:"c"`
	R         hexBytes    `json:"r"`
	Framing   string      `json:"framing,omitempty"`
	At        int64       `json:"at_us,omitempty"`
	Took      int64       `json:"took_us,omitempty"`
	Reset     bool        `json:"reset,omitempty"`
	Failed    string      `json:"failed,omitempty"`
	Cut       *fileCut    `json:"cut,omitempty"`
	Preset    *filePreset `json:"preset,omitempty"`
	Computed  remark      `json:"computed,omitempty"`
	Corrected remark      `json:"corrected,omitempty"`
}

// fileCut says which bytes of the frames were cut: the first one, and the one
// behind the last. Zeros stand for them.
type fileCut struct {
	C *[2]int `json:"c,omitempty"`
	R *[2]int `json:"r,omitempty"`
}

func cutOf(e *Exchange) *fileCut {
	var f fileCut
	if s := e.CutCommand; s.Len() > 0 {
		f.C = &[2]int{s.From, s.To}
	}
	if s := e.CutResponse; s.Len() > 0 {
		f.R = &[2]int{s.From, s.To}
	}
	if f == (fileCut{}) {
		return nil
	}
	return &f
}

// span reads one end of it. What is said to be cut is not kept.
func span(s *[2]int, frame []byte) (Span, error) {
	if s == nil {
		return Span{}, nil
	}
	if s[0] < 0 || s[0] >= s[1] || s[1] > len(frame) {
		return Span{}, fmt.Errorf("cut: bytes %d to %d are no part of a frame of %d bytes", s[0], s[1], len(frame))
	}
	clear(frame[s[0]:s[1]])
	return Span{s[0], s[1]}, nil
}

type filePreset struct {
	Kind    string   `json:"kind"`
	Alg     string   `json:"alg,omitempty"`
	Key     hexBytes `json:"key,omitempty"`
	Session hexBytes `json:"session_key,omitempty"`
	Master  hexBytes `json:"master,omitempty"`
	IV      hexBytes `json:"iv,omitempty"`
	Enc     hexBytes `json:"enc,omitempty"`
	MAC     hexBytes `json:"mac,omitempty"`
	TI      hexBytes `json:"ti,omitempty"`
	Ctr     int      `json:"ctr,omitempty"`
	EncCtr  int      `json:"enc_ctr,omitempty"`
	KeyNo   *int     `json:"key_no,omitempty"`
}

// hexBytes is written as lower-case digits. Spaces between digits are read.
type hexBytes []byte

func (h hexBytes) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(h)) }

func (h *hexBytes) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("want a string of hexadecimal digits")
	}
	*h = nil
	if s == nil {
		return nil
	}
	v, err := hex.DecodeString(strings.Join(strings.Fields(*s), ""))
	if err != nil { // its text would show digits, of a key perhaps
		return errors.New("want an even number of hexadecimal digits")
	}
	*h = v
	return nil
}

// remark is a text, or true without one.
type remark string

func (r *remark) UnmarshalJSON(b []byte) error {
	switch s := string(b); s {
	case "null", "false":
		*r = ""
	case "true":
		*r = "marked so"
	default:
		var t string
		if json.Unmarshal(b, &t) != nil {
			t = "marked so"
		}
		*r = remark(t)
	}
	return nil
}

// decodeJSON reads the file format.
func decodeJSON(data []byte) (*Recording, error) {
	var f struct {
		fileRecording
		Keys      []json.RawMessage `json:"keys"`
		Exchanges []json.RawMessage `json:"exchanges"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, jsonError(data, err)
	}
	if f.Exchanges == nil {
		return nil, errors.New(`this JSON is no recording: it has no "exchanges"`)
	}
	if f.Framing != "" && f.Framing != Native && f.Framing != ISO {
		return nil, fmt.Errorf("framing %q: want native or iso", f.Framing)
	}
	r := &Recording{
		ID: f.ID, Source: f.Source, Framing: f.Framing, Notes: f.Notes,
		Verified: f.Verified, VerifiedWhat: f.VerifiedWhat,
		Card: Card{Generation: f.Card.Generation, Note: f.Card.Note, Reader: f.Card.Reader, ATR: f.Card.ATR},
	}
	if f.Card.GetVersion != nil {
		r.Card.GetVersion = *f.Card.GetVersion
	}
	for _, a := range f.RndA {
		r.RndA = append(r.RndA, a)
	}
	for i, raw := range f.Keys {
		var fk fileKey
		if err := json.Unmarshal(raw, &fk); err != nil {
			return nil, fmt.Errorf("key %d: %w", i, plainError(err))
		}
		k, err := fk.key()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		r.Keys = append(r.Keys, k)
	}
	for i, raw := range f.Exchanges {
		var fe fileExchange
		if err := json.Unmarshal(raw, &fe); err != nil {
			return nil, fmt.Errorf("exchange %d: %w", i, plainError(err))
		}
		e, err := fe.exchange()
		if err != nil {
			return nil, fmt.Errorf("exchange %d: %w", i, err)
		}
		r.Exchanges = append(r.Exchanges, e)
	}
	if len(r.Exchanges) == 0 {
		return nil, ErrEmpty
	}
	if r.Framing == "" {
		r.Framing = guessFraming(r.Exchanges)
	}
	return r, nil
}

// jsonError adds the line to an error of encoding/json.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		if n := min(int(syntax.Offset), len(data)); n == len(data) {
			return errors.New("the JSON is cut off")
		}
		return fmt.Errorf("line %d: no valid JSON: %w", lineOf(data, syntax.Offset), err)
	case errors.As(err, &typ):
		return fmt.Errorf("line %d: %s: want %v, have a JSON %s", lineOf(data, typ.Offset), typ.Field, typ.Type, typ.Value)
	}
	return err
}

// plainError keeps values out of an error's text: they may be of a key.
func plainError(err error) error {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		return fmt.Errorf("%s: want %v, have a JSON %s", typ.Field, typ.Type, strings.Fields(typ.Value)[0])
	}
	return err
}

func lineOf(data []byte, offset int64) int {
	n := max(0, min(int(offset), len(data)))
	return 1 + bytes.Count(data[:n], []byte("\n"))
}

func (fk *fileKey) key() (Key, error) {
	k := Key{No: -1, Note: fk.Note}
	if fk.App != nil && len(*fk.App) > 0 {
		if len(*fk.App) != 3 {
			return Key{}, errors.New("app: want three bytes or null")
		}
		k.App = (*[3]byte)(*fk.App)
	}
	if fk.No != nil {
		if *fk.No < 0 || *fk.No > 255 {
			return Key{}, fmt.Errorf("no: %d is no key number", *fk.No)
		}
		k.No = *fk.No
	}
	version := 0
	if fk.Ver != nil {
		version = *fk.Ver
	}
	var err error
	k.Value, err = makeKey(fk.Alg, fk.Key, byte(version))
	return k, err
}

// makeKey makes a key of the names that recordings use. A length that fits one
// algorithm of the DES family only decides, whatever the name says.
func makeKey(alg string, b []byte, version byte) (*key.Secret, error) {
	switch a := strings.ToUpper(strings.NewReplacer("-", "", "_", "", " ", "").Replace(alg)); a {
	case "AES", "AES128":
		return key.NewAES(b, version)
	case "DES", "2K3DES", "3K3DES", "2TDEA", "3TDEA", "3DES", "TDES":
		switch len(b) {
		case 8:
			return key.NewDES(b)
		case 16:
			return key.New2K3DES(b)
		case 24:
			return key.New3K3DES(b)
		}
		return nil, fmt.Errorf("%s key: want 8, 16 or 24 bytes, have %d", a, len(b))
	}
	return nil, errors.New("alg: want DES, 2K3DES, 3K3DES or AES")
}

func (fe *fileExchange) exchange() (Exchange, error) {
	e := Exchange{
		Command: fe.C, Response: fe.R, Framing: fe.Framing, At: fe.At, Took: fe.Took,
		Reset: fe.Reset, Failed: fe.Failed, Computed: string(fe.Computed), Corrected: string(fe.Corrected),
	}
	switch {
	case len(e.Command) == 0:
		return e, errors.New("c: there is no command")
	case e.Framing != "" && e.Framing != Native && e.Framing != ISO:
		return e, fmt.Errorf("framing %q: want native or iso", e.Framing)
	}
	if fe.Cut != nil {
		var err error
		if e.CutCommand, err = span(fe.Cut.C, e.Command); err != nil {
			return e, err
		}
		if e.CutResponse, err = span(fe.Cut.R, e.Response); err != nil {
			return e, err
		}
	}
	if p := fe.Preset; p != nil {
		if p.Ctr < 0 || p.Ctr > 0xFFFF || p.EncCtr < 0 {
			return e, errors.New("preset: the counter does not fit 16 bits")
		}
		e.Preset = &Preset{
			Kind: strings.ToLower(p.Kind), Alg: p.Alg, IV: p.IV, Enc: p.Enc, MAC: p.MAC, TI: p.TI,
			Counter: uint16(p.Ctr), EncCtr: uint32(p.EncCtr), KeyNo: -1,
		}
		for _, k := range [][]byte{p.Key, p.Session, p.Master} {
			if len(k) > 0 {
				e.Preset.Key = k
			}
		}
		if p.KeyNo != nil {
			e.Preset.KeyNo = *p.KeyNo
		}
	}
	return e, nil
}

// longDigits is what a key may look like in a text.
var longDigits = regexp.MustCompile(`(?i)[0-9a-f]{16,}`)

// MarshalJSON writes the file format. It never writes keys, randoms or session
// keys, nor what looks like one in the notes.
func (r *Recording) MarshalJSON() ([]byte, error) {
	f := fileRecording{
		ID: r.ID, Source: r.Source, Framing: r.Framing, Notes: longDigits.ReplaceAllString(r.Notes, "(hidden)"),
		Keys: []fileKey{}, RndA: []hexBytes{}, Exchanges: []fileExchange{},
		Card: fileCard{Generation: r.Card.Generation, Note: r.Card.Note, Reader: r.Card.Reader, ATR: r.Card.ATR},
	}
	if r.Card.GetVersion != "" {
		f.Card.GetVersion = &r.Card.GetVersion
	}
	for _, e := range r.Exchanges {
		f.Exchanges = append(f.Exchanges, fileExchange{
			C: e.Command, R: e.Response, Framing: e.Framing, At: e.At, Took: e.Took,
			Reset: e.Reset, Failed: e.Failed, Cut: cutOf(&e), Computed: remark(e.Computed), Corrected: remark(e.Corrected),
		})
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads the file format.
func (r *Recording) UnmarshalJSON(b []byte) error {
	v, err := decodeJSON(b)
	if err == nil {
		*r = *v
	}
	return err
}

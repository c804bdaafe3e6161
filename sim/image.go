package sim

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/wire"
)

// Version of the image format. A reader of images refuses newer ones.
const (
	imageFormat  = "desfire-card"
	imageVersion = 1
)

// Image is the non-volatile content of a card. Encode writes it as it is stored:
// JSON, bytes in hexadecimal, one line for 32 bytes of file content, keys in a
// section of their own. Printed or marshalled in any other way it shows no keys.
type Image struct {
	Format       string             `json:"format"`
	Version      int                `json:"version"`
	Generation   wire.Generation    `json:"generation"`
	UID          Hex                `json:"uid"`
	Storage      int                `json:"storage"` // nominal bytes
	Used         int                `json:"used"`    // bytes allocated, also by what was deleted
	GetVersion   ImageVersionBytes  `json:"getVersion"`
	KeySettings  Hex                `json:"keySettings"` // of the PICC level, 1 byte
	Config       ImageConfig        `json:"configuration"`
	Signature    Hex                `json:"signature"`
	Applications []ImageApplication `json:"applications"` // in order of creation
	Slots        []damSlot          `json:"delegatedSlots,omitempty"`
	// DefaultKey is what the keys of new applications are, option 01: 24 bytes.
	DefaultKey *ImageKey  `json:"defaultKey,omitempty"`
	Keys       []ImageKey `json:"keys"`
}

// ImageVersionBytes is what GetVersion answers, without the UID.
type ImageVersionBytes struct {
	Hardware   Hex `json:"hardware"`
	Software   Hex `json:"software"`
	Production Hex `json:"production"`
}

// ImageConfig is what SetConfiguration has changed; what is missing is as it
// left the factory.
type ImageConfig struct {
	Flags           Hex         `json:"flags,omitempty"`           // option 00
	ATS             Hex         `json:"ats,omitempty"`             // 02
	SAK             Hex         `json:"sak,omitempty"`             // 03
	SecureMessaging Hex         `json:"secureMessaging,omitempty"` // 04, second byte
	Capabilities    Hex         `json:"capabilities,omitempty"`    // 05
	Name            Hex         `json:"name,omitempty"`            // 06
	Renamed         bool        `json:"renamed,omitempty"`         // 06 of Light, which works once
	FailedAuth      *failedAuth `json:"failedAuthentications,omitempty"`
	Hardware        Hex         `json:"hardware,omitempty"` // 0B
	ATQA            Hex         `json:"atqa,omitempty"`     // 0C, most significant byte first
	Tamper          Hex         `json:"tamper,omitempty"`   // TagTamper: once and now, 43 closed, 4f open, 49 not initialised
}

// ImageApplication is an application without its keys.
type ImageApplication struct {
	AID         wire.AID      `json:"aid"`
	KeySettings Hex           `json:"keySettings"` // 1 byte, with key setting 3 it has 2
	KeyType     string        `json:"keyType"`     // des, 3k3des or aes
	KeyCount    int           `json:"keyCount"`
	ISOFileIDs  bool          `json:"isoFileIDs,omitempty"` // its files have ISO identifiers
	ISOID       Hex           `json:"isoID,omitempty"`      // 2 bytes, most significant first
	DFName      Hex           `json:"dfName,omitempty"`
	KeySets     *ImageKeySets `json:"keySets,omitempty"`
	Files       []ImageFile   `json:"files"` // in order of creation
}

// ImageKeySets are the key sets of an application without their keys. Set 0 is
// the active one.
type ImageKeySets struct {
	ActiveVersion int           `json:"activeVersion"`
	MaxKeySize    int           `json:"maxKeySize"`
	RollKey       int           `json:"rollKey"`
	Others        []ImageKeySet `json:"others"` // 1 and up
}

// ImageKeySet is a key set that is not active.
type ImageKeySet struct {
	Initialized bool   `json:"initialized,omitempty"`
	Finalized   bool   `json:"finalized,omitempty"`
	Version     int    `json:"version,omitempty"`
	KeyType     string `json:"keyType,omitempty"`
}

// ImageFile is a file. Which fields are there depends on Type.
type ImageFile struct {
	No     int    `json:"no"`
	Type   string `json:"type"`   // standard, backup, value, linear, cyclic or tmac
	Comm   string `json:"comm"`   // plain, mac or full
	Rights Hex    `json:"rights"` // Read Write | ReadWrite Change, a nibble each
	More   []Hex  `json:"additionalRights,omitempty"`
	ISOID  Hex    `json:"isoID,omitempty"`

	Size int      `json:"size,omitempty"`
	Data HexLines `json:"data,omitempty"` // without the zeros at the end

	Value *ImageValue `json:"value,omitempty"`
	TMAC  *ImageTMAC  `json:"tmac,omitempty"`
	SDM   *ImageSDM   `json:"sdm,omitempty"`

	RecordSize int        `json:"recordSize,omitempty"`
	MaxRecords int        `json:"maxRecords,omitempty"`
	Records    []HexLines `json:"records,omitempty"` // oldest first
}

// ImageValue is the content of a value file.
type ImageValue struct {
	Lower         int32 `json:"lower"`
	Upper         int32 `json:"upper"`
	Value         int32 `json:"value"`
	LimitedCredit int32 `json:"limitedCredit"` // what may be given back
	Limited       bool  `json:"limitedCreditEnabled"`
	FreeGetValue  bool  `json:"freeGetValue,omitempty"`
	Configured    bool  `json:"configured,omitempty"` // by SetConfiguration 09
}

// ImageSDM is secure dynamic messaging of a standard file.
type ImageSDM struct {
	Settings Hex    `json:"settings,omitempty"` // as GetFileSettings answers them; empty: allowed, not set
	ReadCtr  uint32 `json:"readCounter"`
}

// ImageTMAC is the content of a transaction MAC file, without its key.
type ImageTMAC struct {
	Exclude  bool    `json:"excludeUnauthenticated,omitempty"`
	Limit    *uint32 `json:"limit,omitempty"`
	Counter  uint32  `json:"counter"`
	Value    Hex     `json:"value"`
	ReaderID Hex     `json:"readerID"` // of the last committed transaction
}

// ImageKey is a key of an application, or of the PICC level (000000).
type ImageKey struct {
	Application wire.AID    `json:"application"`
	No          int         `json:"no"`
	Set         int         `json:"keySet,omitempty"`
	TMAC        bool        `json:"transactionMAC,omitempty"` // No is the number of the file
	Type        string      `json:"type"`                     // des (also 2K3DES), 3k3des or aes
	Version     int         `json:"version"`
	Value       wire.Secret `json:"value,omitzero"` // empty: withheld
	Failures    *failures   `json:"failedAuthentications,omitempty"`
}

// Hex is bytes, in JSON a string of hexadecimal digits.
type Hex []byte

// MarshalText writes hexadecimal digits.
func (h Hex) MarshalText() ([]byte, error) {
	return []byte(strings.ToUpper(hex.EncodeToString(h))), nil
}

// UnmarshalText reads hexadecimal digits.
func (h *Hex) UnmarshalText(b []byte) error {
	d, err := hex.DecodeString(string(b))
	if err != nil {
		return fmt.Errorf("%.40q is not hexadecimal: want two digits a byte", b)
	}
	*h = d
	return nil
}

// HexLines is bytes, in JSON a list of strings of 64 hexadecimal digits, or
// one string if they fit one.
type HexLines []byte

const lineBytes = 32

// MarshalJSON writes the lines.
func (h HexLines) MarshalJSON() ([]byte, error) {
	if len(h) <= lineBytes {
		return json.Marshal(Hex(h))
	}
	var lines []Hex
	for len(h) > 0 {
		n := min(len(h), lineBytes)
		lines = append(lines, Hex(h[:n]))
		h = h[n:]
	}
	return json.Marshal(lines)
}

// UnmarshalJSON reads one string or a list of them.
func (h *HexLines) UnmarshalJSON(b []byte) error {
	var lines []Hex
	if len(b) > 0 && b[0] == '"' {
		lines = make([]Hex, 1)
		if err := json.Unmarshal(b, &lines[0]); err != nil {
			return err
		}
	} else if err := json.Unmarshal(b, &lines); err != nil {
		return err
	}
	*h = nil
	for _, l := range lines {
		*h = append(*h, l...)
	}
	return nil
}

// Image returns a copy of the card's memory, keys included, the caller's own.
func (c *Card) Image() *Image {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nvm.image()
}

// WithoutKeys returns a copy of i that shows number, type and version of the
// keys only. Applications and files are those of i.
func (i *Image) WithoutKeys() *Image {
	r := *i
	r.Keys = append([]ImageKey(nil), i.Keys...)
	for k := range r.Keys {
		r.Keys[k].Value = wire.Secret{}
	}
	if r.DefaultKey != nil {
		d := *r.DefaultKey
		d.Value = wire.Secret{}
		r.DefaultKey = &d
	}
	return &r
}

// storedImage is an Image with the key bytes, which an Image itself shows
// nobody.
type storedImage struct {
	*bareImage
	DefaultKey *storedKey  `json:"defaultKey,omitempty"`
	Keys       []storedKey `json:"keys"`
}

type bareImage Image

type storedKey struct {
	bareKey
	Value    keyDigits `json:"value,omitempty"`
	Failures *failures `json:"failedAuthentications,omitempty"` // here for its place in the line
}

type bareKey ImageKey

// keyDigits are the bytes of a key, of which no error shows anything.
type keyDigits []byte

// MarshalText writes hexadecimal digits.
func (k keyDigits) MarshalText() ([]byte, error) { return Hex(k).MarshalText() }

// UnmarshalText reads hexadecimal digits.
func (k *keyDigits) UnmarshalText(b []byte) error {
	if (*Hex)(k).UnmarshalText(b) != nil {
		return errors.New("the digits of the key are not hexadecimal, two a byte")
	}
	return nil
}

func storeKey(k ImageKey) storedKey {
	return storedKey{bareKey: bareKey(k), Value: k.Value.Bytes(), Failures: k.Failures}
}

func (k *storedKey) key() ImageKey {
	k.bareKey.Value, k.bareKey.Failures = wire.NewSecret(k.Value), k.Failures
	return ImageKey(k.bareKey)
}

// Encode writes the image as JSON, with the keys.
func (i *Image) Encode() []byte {
	s := storedImage{bareImage: (*bareImage)(i), Keys: []storedKey{}}
	if i.DefaultKey != nil {
		d := storeKey(*i.DefaultKey)
		s.DefaultKey = &d
	}
	for _, k := range i.Keys {
		s.Keys = append(s.Keys, storeKey(k))
	}
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil { // only if a type of this file had a field without JSON form
		panic(err)
	}
	return append(b, '\n')
}

// ImageError says that a file is no image, or what is wrong in it.
type ImageError struct {
	Line   int // from 1; 0: the image as a whole
	Reason string
	Err    error
}

func (e *ImageError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("the image is damaged in line %d: %s", e.Line, e.Reason)
	}
	return e.Reason
}

func (e *ImageError) Unwrap() error { return e.Err }

// ErrNoKeys is inside the *ImageError of an image without keys: see WithoutKeys.
var ErrNoKeys = errors.New("this image was saved without keys (sim show --json), and there is no card without them: take the image itself, or read this one as a dump")

// ReadImage reads an image and checks that it is a card's. Its errors are
// *ImageError.
func ReadImage(data []byte) (*Image, error) {
	if err := recognise(data); err != nil {
		return nil, err
	}
	if err := strictjson.Check(data, storedImage{}); err != nil { // what is not understood would be lost at the next save
		return nil, imageFault(err)
	}
	i := new(Image)
	s := storedImage{bareImage: (*bareImage)(i)}
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, &ImageError{Reason: "the image is damaged: " + err.Error(), Err: err}
	}
	if s.DefaultKey != nil {
		k := s.DefaultKey.key()
		i.DefaultKey = &k
	}
	for _, k := range s.Keys {
		i.Keys = append(i.Keys, k.key())
	}
	if _, err := i.memory(); err != nil {
		return nil, &ImageError{Reason: err.Error(), Err: err}
	}
	return i, nil
}

// recognise tells whether it is an image that this version can read.
func recognise(data []byte) error {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return &ImageError{Reason: "the image is empty: restore it or start with a new card"}
	case text[0] != '{':
		return errNoImage("")
	}
	if err := strictjson.Check(data, map[string]any{}); err != nil {
		return imageFault(err)
	}
	var head struct {
		Format  any         `json:"format"`
		Version json.Number `json:"version"`
	}
	err := json.Unmarshal(data, &head)
	format, _ := head.Format.(string)
	if format != imageFormat {
		return errNoImage(format)
	}
	version, invalid := head.Version.Int64()
	switch {
	case err != nil || head.Version == "" || invalid != nil:
		return nil // the check of all members says it better
	case version > imageVersion:
		return &ImageError{Reason: fmt.Sprintf("the image has version %d, this program knows versions up to %d: update the program", version, imageVersion)}
	case version < 1:
		return &ImageError{Reason: fmt.Sprintf("the image has version %d, want 1 to %d", version, imageVersion)}
	}
	return nil
}

// errNoImage names what it is instead, if that is a format.
func errNoImage(format string) error {
	has := `no "format": "` + imageFormat + `"`
	if format != "" {
		has = fmt.Sprintf(`"format" is %.40q, not %q`, format, imageFormat)
	}
	return &ImageError{Reason: "not a card image of desfire sim (" + has + ")"}
}

// imageFault says where and why an image cannot be read.
func imageFault(err error) error {
	var e *strictjson.Error
	switch {
	case !errors.As(err, &e):
		return &ImageError{Reason: "the image is damaged: " + err.Error(), Err: err}
	case e.Cut:
		return &ImageError{Reason: fmt.Sprintf("the image is cut off after %d bytes: restore it from a copy", e.Offset)}
	case e.Member != "":
		return &ImageError{e.Line, e.Member + ": " + e.Reason, e.Err}
	}
	return &ImageError{e.Line, e.Reason, e.Err}
}

func decodeImage(data []byte) (*memory, error) {
	i, err := ReadImage(data)
	if err != nil {
		return nil, err
	}
	return i.memory()
}

func encodeImage(m *memory) []byte { return m.image().Encode() }

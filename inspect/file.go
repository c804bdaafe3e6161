package inspect

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// File is a file of an application. Which members apply depends on Type.
type File struct {
	No    wire.FileNo `json:"file"`
	ISOID Hex         `json:"iso_id,omitempty"` // 2 bytes, most significant first

	// Settings are what the card answered, nil if it did not; the members down
	// to SDM say the same. Raw are their bytes.
	Settings *wire.FileSettings `json:"-"`
	Raw      Hex                `json:"raw,omitempty"`

	// Proven: the settings came with a MAC of a session. If not, they may be
	// forged, and so may be what a session read because of them (D40).
	Proven bool `json:"proven,omitempty"`

	Type          string   `json:"type,omitempty"` // standard, backup, value, linear, cyclic or tmac
	Comm          string   `json:"comm,omitempty"` // plain, mac or full
	Access        *Access  `json:"access,omitempty"`
	Additional    []Access `json:"additional_access,omitempty"`
	Words         string   `json:"rights,omitempty"` // Rights in words
	Rights        Rights   `json:"grants,omitempty"`
	Size          uint32   `json:"size,omitempty"` // bytes
	Lower         *int32   `json:"lower,omitempty"`
	Upper         *int32   `json:"upper,omitempty"`
	LimitedCredit *int32   `json:"limited_credit,omitempty"` // what LimitedCredit may give back, where it is possible
	RecordSize    uint32   `json:"record_size,omitempty"`    // bytes
	MaxRecords    uint32   `json:"max_records,omitempty"`
	RecordCount   *uint32  `json:"records,omitempty"`
	KeyType       string   `json:"key_type,omitempty"`    // of a transaction MAC
	KeyVersion    *byte    `json:"key_version,omitempty"` // of a transaction MAC
	CounterLimit  *uint32  `json:"counter_limit,omitempty"`
	SDM           *SDM     `json:"sdm,omitempty"`

	// What the file holds, if it was asked for and could be read.
	Value   *int32 `json:"value,omitempty"`
	Data    Hex    `json:"data,omitzero"`
	Content []Hex  `json:"content,omitempty"` // records, the oldest first

	ReadCounter *uint32 `json:"read_counter,omitempty"` // of secure dynamic messaging

	Missing []Missing `json:"missing,omitempty"`
}

// Access are the four rights as they are stored. See Rights for what they mean.
type Access struct {
	Read      string `json:"read"`
	Write     string `json:"write"`
	ReadWrite string `json:"read_write"`
	Change    string `json:"change"`
}

func newAccess(r wire.AccessRights) Access {
	return Access{r.Read.String(), r.Write.String(), r.ReadWrite.String(), r.Change.String()}
}

// SDM is secure dynamic messaging of a file. Offsets are bytes of the file.
type SDM struct {
	Settings *wire.SDM `json:"-"`

	Options  string `json:"options"`
	MetaRead string `json:"meta_read"`     // who enciphers the PICC data; free: plain
	FileRead string `json:"file_read"`     // who makes the MAC
	Counter  string `json:"counter_right"` // who may ask for the counter
	Words    string `json:"words"`
}

// NewFile puts the settings of a file into words. It keeps fs.
func NewFile(no wire.FileNo, fs *wire.FileSettings) File {
	rights, access := RightsOf(fs), newAccess(fs.Access)
	f := File{
		No: no, Settings: fs, Raw: encoded(fs), Type: fs.Type.String(), Comm: fs.Comm().String(), Access: &access, Rights: rights, Words: rights.Words(),
		Size: fs.Size, RecordSize: fs.RecordSize, MaxRecords: fs.MaxRecords,
	}
	for _, r := range fs.Additional {
		f.Additional = append(f.Additional, newAccess(r))
	}
	switch fs.Type {
	case wire.FileValue:
		f.Lower, f.Upper = &fs.Lower, &fs.Upper
		if fs.Flags.Has(wire.ValueLimitedCredit) {
			f.LimitedCredit = &fs.LimitedCredit
		}
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		f.RecordCount = &fs.Records
	case wire.FileTransactionMAC:
		version := byte(fs.TMKeyVersion)
		f.KeyType, f.KeyVersion = fs.TMKeyOption.String(), &version
		if fs.Option.Has(wire.OptionTMCLimit) {
			f.CounterLimit = &fs.Limit.Limit
		}
	case wire.FileStandard:
		if fs.SDM != nil {
			f.SDM = newSDM(fs.SDM)
		}
	}
	return f
}

// SizeWords is how much a file holds.
func (f *File) SizeWords() string {
	switch fs := f.Settings; {
	case fs == nil:
		return ""
	case fs.Type == wire.FileStandard, fs.Type == wire.FileBackup:
		return count(int(fs.Size), "byte")
	case fs.Type == wire.FileValue:
		return fmt.Sprintf("%d to %d", fs.Lower, fs.Upper)
	case fs.Type == wire.FileCyclicRecord && fs.MaxRecords > 0: // one slot is where the next is written
		return fmt.Sprintf("%d of %s (%d slots), %s each", fs.Records, count(int(fs.MaxRecords)-1, "record"), fs.MaxRecords, count(int(fs.RecordSize), "byte"))
	case fs.Type == wire.FileLinearRecord, fs.Type == wire.FileCyclicRecord:
		return fmt.Sprintf("%d of %d records, %s each", fs.Records, fs.MaxRecords, count(int(fs.RecordSize), "byte"))
	case fs.Type == wire.FileTransactionMAC:
		return fmt.Sprintf("%v key, version %v", fs.TMKeyOption, fs.TMKeyVersion)
	}
	return ""
}

func newSDM(s *wire.SDM) *SDM {
	meta, file := s.Access.MetaRead(), s.Access.FileRead()
	var mirrored []string
	if s.Options.Has(wire.SDMUID) {
		mirrored = append(mirrored, "UID")
	}
	if s.Options.Has(wire.SDMReadCtr) {
		mirrored = append(mirrored, "counter")
	}
	what := strings.Join(mirrored, " and ")
	var parts []string
	switch {
	case what == "" || meta == wire.Never:
	case meta == wire.Free:
		parts = append(parts, what+" in plain")
	default:
		parts = append(parts, fmt.Sprintf("%s enciphered with %v", what, meta))
	}
	if file != wire.Never {
		if s.Options.Has(wire.SDMEncFile) {
			parts = append(parts, fmt.Sprintf("%s enciphered with %v", count(int(s.ENCLength), "byte"), file))
		}
		parts = append(parts, fmt.Sprintf("MAC with %v", file))
	}
	words := "mirrors nothing"
	if parts != nil {
		words = "mirrors " + strings.Join(parts, ", ")
	}
	if file != wire.Never {
		words += "; read without a key shows it"
	}
	return &SDM{
		Settings: s, Options: s.Options.String(), MetaRead: meta.String(), FileRead: file.String(),
		Counter: s.Access.CtrRet().String(), Words: words,
	}
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Held is how many bytes of its content were read; a value is four.
func (f *File) Held() int {
	n := len(f.Data)
	for _, r := range f.Content {
		n += len(r)
	}
	if f.Value != nil {
		n += 4
	}
	return n
}

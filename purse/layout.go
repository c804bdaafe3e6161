package purse

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// layoutVersion is what a Layout begins with.
const layoutVersion = "purse/v1"

// Layout is a Config as it is written down: without keys, journal, lease and clock. Its JSON has
// the settings of files as the card tells them, in hexadecimal.
type Layout struct {
	Version    string          `json:"desfire"` // "purse/v1"
	App        wire.Place      `json:"application"`
	Generation wire.Generation `json:"generation"`
	Values     []LayoutFile    `json:"values"`
	TMAC       *LayoutTMAC     `json:"tmac,omitempty"`
	Slot       *LayoutSlot     `json:"slot,omitempty"`
	Record     *LayoutRecord   `json:"record,omitempty"`
	KeyNo      *wire.KeyNo     `json:"key,omitempty"` // nil: the files are free
	Method     string          `json:"method,omitempty"`
	Diversify  bool            `json:"diversified,omitempty"`
	Policy     Policy          `json:"policy"`
	Others     Others          `json:"others,omitempty"`
	BeginFence bool            `json:"begin_fence,omitempty"`
	Terminal   string          `json:"terminal,omitempty"`
}

// LayoutFile is a File.
type LayoutFile struct {
	File     wire.FileNo `json:"file"`
	Settings string      `json:"settings"` // the answer to GetFileSettings, in hexadecimal
}

// LayoutTMAC is a TMAC.
type LayoutTMAC struct {
	LayoutFile
	NamesReader bool        `json:"names_reader"`
	Reader      *wire.KeyNo `json:"reader_key,omitempty"` // nil: the key of the purse
}

// LayoutSlot is a Slot.
type LayoutSlot struct {
	LayoutFile
	Number int     `json:"number"`
	Size   int     `json:"size,omitempty"`
	Spare  *uint32 `json:"spare,omitempty"`
}

// LayoutRecord is a Record.
type LayoutRecord struct {
	LayoutFile
	Newest int `json:"newest,omitempty"`
}

// LayoutOf writes a Config down. A Lease and Elsewhere cannot be written.
func LayoutOf(c *Config) (*Layout, error) {
	l := &Layout{
		Version: layoutVersion, App: c.Place, Generation: c.Generation, Diversify: c.Diversified,
		Policy: c.Policy, Others: c.Others, BeginFence: c.BeginFence, Terminal: c.Terminal,
	}
	switch {
	case c.Lease != nil:
		return nil, &ConfigError{"Lease", "it cannot be written down"}
	case c.Elsewhere != nil:
		return nil, &ConfigError{"Elsewhere", "it cannot be written down"}
	}
	if !c.NoKey {
		no := c.KeyNo
		l.KeyNo = &no
	}
	if c.Method != nil {
		l.Method = c.Method.String()
	}
	var err error
	file := func(f *File) (out LayoutFile) {
		var coder wire.Coder
		b, failed := coder.Encode(nil, &f.Settings)
		if failed != nil && err == nil {
			err = fmt.Errorf("purse: the settings of file %d: %w", f.No, failed)
		}
		return LayoutFile{f.No, hex.EncodeToString(b.Bytes)}
	}
	for i := range c.Values {
		l.Values = append(l.Values, file(&c.Values[i]))
	}
	if x := c.TMAC; x != nil {
		l.TMAC = &LayoutTMAC{file(&x.File), x.NamesReader, clonePointer(x.Reader)}
	}
	if x := c.Slot; x != nil {
		l.Slot = &LayoutSlot{file(&x.File), x.Number, x.Size, x.Spare}
	}
	if x := c.Record; x != nil {
		l.Record = &LayoutRecord{file(&x.File), x.Newest}
	}
	return l, err
}

// ParseLayout reads the JSON of a Layout. Members that it does not know are errors.
func ParseLayout(text []byte) (*Layout, error) {
	l := new(Layout)
	if err := strictjson.Check(text, l); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, l); err != nil {
		return nil, err
	}
	if l.Version != layoutVersion {
		return nil, fmt.Errorf("purse: it says desfire: %q; %q is what this version reads", l.Version, layoutVersion)
	}
	return l, nil
}

// Config is what the layout says. Journal, Keys and Lease are the caller's to set.
func (l *Layout) Config() (*Config, error) {
	c := &Config{
		Place: l.App, Generation: l.Generation, NoKey: l.KeyNo == nil, Diversified: l.Diversify,
		Policy: l.Policy, Others: l.Others, BeginFence: l.BeginFence, Terminal: l.Terminal,
	}
	if l.KeyNo != nil {
		c.KeyNo = *l.KeyNo
	}
	if l.Method != "" {
		m, err := methodOf(l.Method)
		if err != nil {
			return nil, err
		}
		c.Method = &m
	}
	var err error
	file := func(f LayoutFile) File {
		out := File{No: f.File}
		b, failed := hex.DecodeString(f.Settings)
		if failed == nil {
			var coder wire.Coder
			failed = coder.Decode(b, nil, &out.Settings)
		}
		if failed != nil && err == nil {
			err = fmt.Errorf("purse: the settings of file %d: %w", f.File, failed)
		}
		return out
	}
	for _, f := range l.Values {
		c.Values = append(c.Values, file(f))
	}
	if x := l.TMAC; x != nil {
		c.TMAC = &TMAC{file(x.LayoutFile), x.NamesReader, clonePointer(x.Reader)}
	}
	if x := l.Slot; x != nil {
		c.Slot = &Slot{File: file(x.LayoutFile), Number: x.Number, Size: x.Size, Spare: x.Spare}
	}
	if x := l.Record; x != nil {
		c.Record = &Record{File: file(x.LayoutFile), Newest: x.Newest}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func methodOf(name string) (key.Method, error) {
	for m := key.MethodD40; m <= key.MethodLRPFirst; m++ {
		if m.String() == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("purse: %q is no method of authentication", name)
}

// Check refuses what could not prove anything, as Open does, as far as that can be said
// without keys and journal.
func (c *Config) Check() error {
	try := *c
	if try.Policy == "" {
		try.Policy = Hostile
	}
	if try.Journal == nil {
		try.Journal = Memory(nil)
	}
	if try.Keys == nil {
		try.Keys = keystore.Map{}
	}
	return try.check()
}

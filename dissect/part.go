package dissect

import "slices"

// Kind is what bytes are for.
type Kind uint8

// Kinds.
const (
	Header  Kind = iota // of the frame, and where the data go
	Data                // what it is about
	MAC                 //
	CRC                 //
	Padding             //
	Status              //
	Wrong               // what failed its check
	Missing             // what should have been there; has no bytes
)

// String is a name that does not change, as style sheets want them.
func (k Kind) String() string {
	return [...]string{"head", "data", "mac", "crc", "pad", "stat", "bad", "none"}[k]
}

// Words are the kind for people.
func (k Kind) Words() string {
	return [...]string{"header", "data", "MAC", "CRC", "padding", "status", "wrong", "missing"}[k]
}

// Part is a run of bytes with one meaning.
type Part struct {
	Kind       Kind
	Enciphered bool
	Len        int
	Bytes      []byte // nil if they are not shown: see Secret and Cut
	Name       string // of the field, as NXP and ISO 7816-4 have it
	Meaning    string // in words; may be empty
	Value      string // what the bytes say, if they are a number or a name; may be empty
	Secret     bool   // a key, or a random that keys are made of
	Cut        bool   // not in the recording: zeros stood there
}

// Shown reports whether the bytes are shown.
func (p Part) Shown() bool { return p.Bytes != nil || p.Len == 0 }

// Field is a part with where it is, for a table.
type Field struct {
	Part
	Exchange int
	Answer   bool
	Inner    bool // of what was enciphered
}

// Fields are all parts of a message in the order in which they are shown, those
// that are enciphered before what they hold.
func (m *Message) Fields() []Field {
	var list []Field
	for i := range m.Frames {
		f := &m.Frames[i]
		var inner []Part
		if f.Inner != nil {
			inner = f.Inner.Parts
		}
		at := slices.IndexFunc(f.Parts, func(p Part) bool { return p.Enciphered })
		for j, p := range f.Parts {
			list = append(list, Field{Part: p, Exchange: f.Exchange, Answer: f.Answer})
			if j != max(at, 0) {
				continue
			}
			for _, p := range inner {
				list = append(list, Field{Part: p, Exchange: f.Exchange, Answer: f.Answer, Inner: true})
			}
		}
		if len(f.Parts) == 0 {
			for _, p := range inner {
				list = append(list, Field{Part: p, Exchange: f.Exchange, Answer: f.Answer, Inner: true})
			}
		}
	}
	return list
}

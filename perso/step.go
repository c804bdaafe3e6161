package perso

import "context"

// Kind is what a step does. The words are stable: they stand in JSON.
type Kind string

// Kinds of steps.
const (
	CreateApplication  Kind = "create application"
	DeleteApplication  Kind = "delete application"
	CreateFile         Kind = "create file"
	DeleteFile         Kind = "delete file"
	WriteData          Kind = "write data"
	SetValue           Kind = "set value"
	WriteRecords       Kind = "write records"
	ChangeFileSettings Kind = "change file settings"
	ChangeKey          Kind = "change key"
	ChangeKeySettings  Kind = "change key settings"
	LoadKeySet         Kind = "load key set"
	RollKeySet         Kind = "roll key set"
	SetOption          Kind = "set option"
	VerifyAll          Kind = "verify"
)

// Step is one thing to do.
type Step struct {
	Where
	Kind      Kind   `json:"step"`
	Name      string `json:"name,omitempty"` // of an option, where there are several
	Words     string `json:"words"`
	Exchanges int    `json:"exchanges"`          // about
	Bytes     int    `json:"bytes,omitempty"`    // of memory, which comes back with FormatPICC only
	Forever   string `json:"forever,omitempty"`  // what of it can never be undone
	Replaces  bool   `json:"replaces,omitempty"` // what the card holds there now is lost

	do func(ctx context.Context, r *runner) error
}

// same reports whether two steps are the same one, of two plans.
func (s *Step) same(o *Step) bool {
	eq := s.Kind == o.Kind && s.Name == o.Name && s.Place == o.Place && (s.File == nil) == (o.File == nil) && (s.Key == nil) == (o.Key == nil)
	if s.Kind == ChangeKey && s.Words != o.Words { // to another key
		return false
	}
	return eq && (s.File == nil || *s.File == *o.File) && (s.Key == nil || *s.Key == *o.Key)
}

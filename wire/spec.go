package wire

// Class is the first byte of a command's family.
type Class uint8

// Classes of commands.
const (
	ClassNative Class = 0x90 // DESFire commands, sent bare or wrapped
	ClassISO    Class = 0x00 // ISO 7816-4 commands
)

// Exchange says how a command's frames travel.
type Exchange uint8

// Kinds of exchange.
const (
	Chained Exchange = iota // AF means: send more, or ask for more
	Single                  // one frame each way: AF is an answer (handshakes, ISO)
)

// Level is where a command may be used.
type Level uint8

// Levels.
const (
	LevelBoth Level = iota
	LevelPICC
	LevelApp
)

// Effect is what a command does to the card's memory and when.
type Effect uint8

// Effects.
const (
	EffectNone      Effect = iota // reads, selects, authenticates
	EffectPending                 // changes at CommitTransaction
	EffectImmediate               // changes at once
	EffectCommit                  // makes pending changes happen
)

func (e Effect) String() string {
	return [...]string{"none", "pending", "immediate", "commit"}[e]
}

// Spec is what a command is besides its fields.
type Spec struct {
	Name     string
	Class    Class
	INS      byte
	Variant  string // tells commands with the same INS apart: "LRP", "ISO", "AES", ...
	Rule     Rule   // which protection its messages have
	Exchange Exchange
	Level    Level
	Needs    Feature // what a generation must have to know it
	Effect   Effect  // on files whose type makes no difference; see EffectOn
	Slow     bool    // may take seconds: it erases
	Success  Status  // the status of a complete success
	Native   *Spec   // an ISO command on a file: the native one that needs the same right
	Bare     bool    // a native answer carries no status byte (ProximityCheck)
	Unknown  string  // not empty: why no public layout exists (see Raw)

	PendsInBackup bool // on a backup file the effect is pending

	New         func() Command // a zero value to decode into
	NewResponse func() Message // a zero value to decode the answer into
}

// EffectOn is when the command changes the card, given the type of the file it
// works on. An unknown type counts as standard.
func (s *Spec) EffectOn(t FileType) Effect {
	if s.PendsInBackup && t == FileBackup {
		return EffectPending
	}
	return s.Effect
}

// In reports whether cards of generation g know the command.
func (s *Spec) In(g Generation) bool { return g.Has(s.Needs) }

// Message is anything with a layout: a command or its response.
type Message interface {
	// Layout walks the fields in wire order, in the direction the Coder has.
	Layout(c *Coder)
}

// Command is a command of the card.
type Command interface {
	Message
	Spec() *Spec
}

// OnFile is a command that names the file it works on. Commands that have two
// name the one they change.
type OnFile interface {
	Command
	OnFile() FileNo
}

// FileOf is the file that a command names: by number, or by a short identifier
// of ISO 7816-4, which is the number. It is false for commands that work on no
// file or on the selected one.
func FileOf(cmd Command) (FileNo, bool) {
	switch m := cmd.(type) {
	case OnFile:
		return m.OnFile(), true
	case shortEF:
		return m.shortEF()
	}
	return 0, false
}

// shortEF is a command that may name its file by a short identifier.
type shortEF interface{ shortEF() (FileNo, bool) }

// Request is a command that knows the type of its response.
type Request[R Message] interface {
	Command
	// Response returns a fresh value to decode the answer into.
	Response() R
}

// Empty is the response without fields.
type Empty struct{}

// Layout has nothing to walk.
func (*Empty) Layout(*Coder) {}

package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// PartialWriteError means that a write that needed several commands stopped in
// the middle: the first Written bytes are in the file.
type PartialWriteError struct {
	File    FileNo
	Written int
	Err     error
}

func (e *PartialWriteError) Error() string {
	return fmt.Sprintf("desfire: only the first %d bytes were written to file %d: %v", e.Written, e.File, e.Err)
}

// Unwrap returns why the write stopped.
func (e *PartialWriteError) Unwrap() error { return e.Err }

// transfer is how one read or write of a file will travel.
type transfer struct {
	path  Path
	per   int                // plain bytes that one command carries
	known *wire.FileSettings // nil if not known
}

// plan finds the path of n plain bytes, 0 for a number that only the card
// knows, to or from a file. head is the length of the clear header.
func (c *Card) plan(ctx context.Context, spec *wire.Spec, file FileNo, head int) (transfer, error) {
	if _, err := c.learn(ctx, spec, file); err != nil {
		return transfer{}, err
	}
	mode, _ := c.modeOf(spec, file)
	t := transfer{path: c.Path(), known: c.state.files[file]}
	command, answer := c.room()
	if head > 0 {
		t.per = fits(command-head, c.state.scheme(), mode, false, c.state.block)
	} else {
		t.per = fits(answer, c.state.scheme(), mode, true, c.state.block)
	}
	return t, nil
}

// runLong runs one of the ISO-chaining commands, in an extended APDU if the
// answer of n plain bytes wants one.
func (c *Card) runLong(ctx context.Context, cmd wire.Command, rsp wire.Message, long bool) error {
	c.link.Long = long
	defer func() { c.link.Long = false }()
	session, pending := c.state.channel != nil, c.state.pending
	err := c.run(ctx, cmd, rsp)
	var refused *CommandError
	if errors.As(err, &refused) && refused.Status == wire.StatusIllegalCommand && c.gen.Has(wire.FeatureClassic) {
		// A card that says it is of a generation that knows the command, and
		// does not: not one of NXP's.
		c.setPath(PathChained)
		if !session && !pending {
			return errOtherPath
		}
		refused.Hint = "the card lacks a command of its generation, which is avoided from now on: repeat the job"
	}
	return err
}

// errOtherPath says that nothing was done and that the path has changed.
var errOtherPath = errors.New("the data must travel by another path")

// byPath runs a transfer, and once more where its path turned out not to work.
func (c *Card) byPath(transfer func() ([]byte, error)) ([]byte, error) {
	if !c.busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	defer c.busy.Store(false)
	data, err := transfer()
	if errors.Is(err, errOtherPath) {
		return transfer()
	}
	return data, err
}

// notCarried reports whether a refusal means that the APDU was too long for
// the card or the reader, and nothing was done.
func notCarried(err error) bool {
	var refused *CommandError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Status {
	case wire.StatusISOWrongLength, wire.StatusLengthError, wire.StatusIllegalCommand,
		wire.StatusISOInsNotSupported, wire.StatusISOClassNotSupported, wire.StatusISONoPreciseDiagnosis, wire.StatusISOFunctionUnsupp:
		return true
	}
	return false
}

// readAll reads n bytes by the planned path, in as many commands as it takes.
// read runs the command for a part; what it returns is copied.
func (c *Card) readAll(t transfer, n int, read func(offset, n int, long bool) ([]byte, error)) ([]byte, error) {
	data := make([]byte, 0, n)
	if n > t.per && c.mayExtend() && c.state.channel == nil && !c.state.pending {
		all, err := read(0, n, true)
		if errors.As(err, new(*CommandError)) && !notCarried(err) || errors.Is(err, errOtherPath) {
			return nil, err // a refusal of the read itself, or of its command
		}
		if ok, err := c.tried(err); err != nil {
			return nil, err
		} else if ok {
			return append(data, all...), nil
		}
	}
	for off := 0; off < n; off += t.per {
		part, err := read(off, min(t.per, n-off), c.Path() == PathExtended && n > 200)
		if err != nil {
			return nil, err
		}
		data = append(data, part...)
	}
	return data, nil
}

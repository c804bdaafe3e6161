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

// plan finds the path of the data of cmd, to or from a file. head is the length
// of the clear header of a command that carries data.
func (c *Card) plan(ctx context.Context, cmd wire.Command, head int) (transfer, error) {
	r := request{cmd: cmd}
	if err := c.mayGo(cmd, cmd.Spec()); err != nil {
		return transfer{}, err
	}
	p, err := c.protect(ctx, &r)
	if err != nil {
		return transfer{}, err
	}
	no, _ := wire.FileOf(cmd)
	t := transfer{path: c.Path(), known: c.settingsOf(no)}
	command, answer := c.room()
	if head > 0 {
		t.per = fits(command-head, c.state.scheme(), p.mode, false, c.state.block)
	} else {
		t.per = fits(answer, c.state.scheme(), p.mode, true, c.state.block)
	}
	return t, nil
}

// iso reports whether n plain bytes travel by an ISO-chaining command, and not
// in additional frames: cards that have no others do so always. whole tells that
// they must fit one command.
func (c *Card) iso(t transfer, n int, whole bool) bool {
	switch {
	case t.path == PathChained:
		return false
	case !c.gen.Has(wire.FeatureClassic):
		return true
	}
	return n > small && (!whole || n <= t.per)
}

// runLong runs one of the ISO-chaining commands, in an extended APDU if the
// answer wants one.
func (c *Card) runLong(ctx context.Context, cmd wire.Command, rsp wire.Message, long bool) error {
	free := c.state.channel == nil && !c.state.pending
	err := c.run(ctx, request{cmd: cmd, rsp: rsp, long: long, trial: long && free && c.Path() != PathExtended})
	refused := Refusal(err)
	if refused != nil && refused.Status == wire.StatusIllegalCommand && c.gen.Has(wire.FeatureClassic) {
		// A card that says it is of a generation that knows the command, and
		// does not: not one of NXP's.
		c.setPath(PathChained)
		if free {
			c.state.unsettled = "" // the same data go there again, by another command
			return errOtherPath
		}
		refused.Hint = "the card lacks a command of its generation, which is avoided from now on: repeat the job"
	}
	return err
}

// errOtherPath says that nothing was done and that the path has changed.
var errOtherPath = errors.New("the data must travel by another path")

// byPath runs a transfer, and once more where its path turned out not to work.
// Errors name what the caller called, whichever command went.
func (c *Card) byPath(name string, transfer func() ([]byte, error)) ([]byte, error) {
	if err := c.acquire(); err != nil {
		return nil, err
	}
	defer c.release()
	data, err := transfer()
	if errors.Is(err, errOtherPath) {
		data, err = transfer()
	}
	return data, called(name, err)
}

// called is an error in the name of the method that was called, where its ISO
// variant went. It is a copy: who observes has the error as well.
func called(name string, err error) error {
	as := func(command string) string {
		if command == name+"ISO" {
			return name
		}
		return command
	}
	switch e := err.(type) {
	case *CommandError:
		told := *e
		told.Command = as(e.Command)
		return &told
	case *TransportError:
		return &TransportError{as(e.Command), e.Err, e.Changed}
	case *IntegrityError:
		return &IntegrityError{as(e.Command), called(name, e.Err), e.Changed}
	case *untrustedError:
		return &untrustedError{called(name, e.err)}
	case *OutcomeUnknownError:
		return &OutcomeUnknownError{as(e.Command), e.Partial, called(name, e.Err)}
	case *PartialWriteError:
		return &PartialWriteError{e.File, e.Written, called(name, e.Err)}
	case *ArgumentError:
		return &ArgumentError{as(e.Command), e.Err}
	case *ProtectionError:
		return &ProtectionError{as(e.Command), e.Kind, e.Reason}
	case *NoRightError:
		return &NoRightError{as(e.Command), e.File, e.Key, e.Access}
	case *SessionLostError:
		return &SessionLostError{as(e.Command), e.Why}
	case *BrokenError:
		return &BrokenError{as(e.Command), e.Why, e.Changed}
	}
	return err
}

// notCarried reports whether a refusal means that the APDU was too long for
// the card or the reader, and nothing was done.
func notCarried(err error) bool {
	refused := Refusal(err)
	if refused == nil {
		return false
	}
	switch refused.Status {
	case wire.StatusISOWrongLength, wire.StatusLengthError, wire.StatusIllegalCommand,
		wire.StatusISOInsNotSupported, wire.StatusISOClassNotSupported, wire.StatusISONoPreciseDiagnosis, wire.StatusISOFunctionNotSupported:
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
		if Refusal(err) != nil && !notCarried(err) || errors.Is(err, errOtherPath) {
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

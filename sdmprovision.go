package desfire

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// ProvisionError means that secure dynamic messaging was not switched on, after
// something of it may have been written.
type ProvisionError struct {
	File  FileNo
	State ProvisionState
	Err   error // why
	Undo  error // why it was not undone; nil if it was, or Reopen is nil
}

// ProvisionState is what a file holds after a ProvisionSDM that failed.
type ProvisionState uint8

// States. Content and settings that may be old or new are new if the card took
// the command whose answer is missing.
const (
	// ProvisionUndone: the old content and settings are in it, and were read again.
	// Where it showed messages before, their counter began anew.
	ProvisionUndone ProvisionState = iota + 1
	// ProvisionContent: the content is old, new, or new in part; the settings are
	// old.
	ProvisionContent
	// ProvisionSettings: the content is new; the settings are old or new.
	ProvisionSettings
	// ProvisionHalf: the content is old or new, and so are the settings: it was
	// undone in part.
	ProvisionHalf
)

func (s ProvisionState) String() string {
	switch s {
	case ProvisionUndone:
		return "its old content and settings are back"
	case ProvisionContent:
		return "its content may be old, new or new in part, its settings are the old ones"
	case ProvisionSettings:
		return "its content is the new one, its settings may be old or new"
	case ProvisionHalf:
		return "its content and its settings may each be old or new"
	}
	return fmt.Sprintf("ProvisionState(%d)", uint8(s))
}

func (e *ProvisionError) Error() string {
	s := fmt.Sprintf("desfire: file %d does not show messages: %v; %v", e.File, e.Err, e.State)
	if e.Undo != nil {
		s += fmt.Sprintf("; it could not be undone: %v", e.Undo)
	}
	return s
}

// Unwrap returns why. Once all is undone, no outcome is unknown any more.
func (e *ProvisionError) Unwrap() error {
	err := e.Err
	if e.State != ProvisionUndone {
		return err
	}
	if partial := (*PartialWriteError)(nil); errors.As(err, &partial) {
		err = partial.Err
	}
	if unknown := (*OutcomeUnknownError)(nil); errors.As(err, &unknown) {
		err = unknown.Err
	}
	return err
}

// provisioning is one run of ProvisionSDM.
type provisioning struct {
	card    *Card
	f       *SDMFile
	old     *wire.FileSettings
	content []byte // old, as long as the new one; nil if it could not be read
	change  *wire.ChangeFileSettings
}

func (p *provisioning) run(ctx context.Context) error {
	if err := p.remember(ctx); err != nil {
		return err
	}
	if len(p.f.Content) > 0 {
		if err := p.card.WriteData(ctx, p.f.File, 0, p.f.Content); err != nil {
			if unsent(err) {
				return err
			}
			return p.failed(ctx, err, ProvisionContent)
		}
	}
	if err := p.card.ChangeFileSettings(ctx, p.change); err != nil {
		return p.failed(ctx, err, ProvisionSettings)
	}
	if err := p.prove(ctx, p.change.Access, p.change.SDM); err != nil {
		return p.failed(ctx, err, ProvisionSettings)
	}
	return nil
}

// unsent reports whether an error is one of a command that was not sent.
func unsent(err error) bool {
	return errors.As(err, new(*NoRightError)) || errors.As(err, new(*ArgumentError)) || errors.As(err, new(*ProtectionError)) ||
		errors.As(err, new(*SessionLostError)) || errors.As(err, new(*UnsupportedError)) || errors.As(err, new(*BrokenError)) ||
		errors.Is(err, ErrBusy) || errors.Is(err, ErrClosed)
}

// remember reads what is to be undone, if it may: a refusal would end the session.
func (p *provisioning) remember(ctx context.Context) error {
	if p.f.Reopen == nil || len(p.f.Content) == 0 {
		return nil
	}
	s, ok := p.card.Session()
	spec := (&wire.ReadData{}).Spec()
	if !(ok && grants(spec, p.old, wire.Access(s.KeyNo)) || grants(spec, p.old, wire.Free)) {
		return nil
	}
	if !ok && mirroring(p.old.SDM) != nil {
		return nil // without a session it would read its mirrors, and count
	}
	data, err := p.card.ReadData(ctx, p.f.File, 0, uint32(len(p.f.Content)))
	if err != nil {
		return err
	}
	p.content = data
	return nil
}

// prove reads the settings again.
func (p *provisioning) prove(ctx context.Context, access wire.AccessRights, s *wire.SDM) error {
	now, err := p.card.FileSettings(ctx, p.f.File)
	if err != nil {
		return err
	}
	has := mirroring(now.SDM)
	if now.Access != access || (has == nil) != (s == nil) || s != nil && *has != *s {
		return &IntegrityError{Command: provisionSDM, Err: fmt.Errorf("the card said that it took the settings of file %d, and has others", p.f.File), Changed: true}
	}
	return nil
}

// mirroring is nil for settings that mirror nothing, as some cards have them from
// the beginning.
func mirroring(s *wire.SDM) *wire.SDM {
	if s == nil || !s.Options.Has(wire.SDMASCII) {
		return nil
	}
	return s
}

// failed undoes what was done, if it can.
func (p *provisioning) failed(ctx context.Context, err error, state ProvisionState) error {
	e := &ProvisionError{File: p.f.File, State: state, Err: err}
	if p.f.Reopen == nil {
		return e
	}
	switch at, undo := p.undo(ctx, state); {
	case undo == nil:
		e.State = ProvisionUndone
	default:
		e.Undo = undo
		if at {
			e.State = ProvisionHalf
		}
	}
	return e
}

// undo puts settings and content back, and reads both again. begun is set once
// something of it may have been written.
func (p *provisioning) undo(ctx context.Context, state ProvisionState) (begun bool, err error) {
	if p.content == nil && len(p.f.Content) > 0 {
		return false, errors.New("the session may not read the old content")
	}
	if err := p.f.Reopen(ctx, p.card); err != nil {
		return false, fmt.Errorf("opening the session again: %w", err)
	}
	now, err := p.card.FileSettings(ctx, p.f.File)
	if err != nil {
		return false, err
	}
	if state != ProvisionContent || now.Access != p.old.Access {
		back := &wire.ChangeFileSettings{File: p.f.File, Option: p.old.Option, Access: p.old.Access, Additional: p.old.Additional, SDM: mirroring(p.old.SDM)}
		if err := p.card.ChangeFileSettings(ctx, back); err != nil {
			return true, err
		}
		if err := p.prove(ctx, p.old.Access, mirroring(p.old.SDM)); err != nil {
			return true, err
		}
	}
	if p.content == nil {
		return true, nil
	}
	if err := p.card.WriteData(ctx, p.f.File, 0, p.content); err != nil {
		return true, err
	}
	data, err := p.card.ReadData(ctx, p.f.File, 0, uint32(len(p.content)))
	if err == nil && !bytes.Equal(data, p.content) {
		err = errors.New("the card said that it took the old content, and has another")
	}
	return true, err
}

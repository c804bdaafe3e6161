package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// ChangeKey changes key no of the selected application, or of the card at PICC
// level. It needs a session with the key that the settings name for changing
// keys. old is the present key, nil where it is the session's own: then the
// session ends. At PICC level the type of the master key follows newKey.
//
// A lost answer is an *OutcomeUnknownError: the card holds either key. Package
// rekey finds out which.
func (c *Card) ChangeKey(ctx context.Context, no KeyNo, newKey, old key.Key) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	sent := no
	if c.state.atPICC() && no == 0 && c.gen != wire.D40 && !fixedFiles(c.gen) {
		sent |= KeyNo(newKey.Type().Wire()) << 6
	}
	cmd := &wire.ChangeKey{Key: sent}
	change := securemsg.KeyChange{Code: cmd.Spec().INS, Head: []byte{byte(sent)}, New: newKey, Old: old}
	switch {
	case c.state.channel == nil:
		return &ArgumentError{"ChangeKey", errNoSession}
	case c.state.ownKey(sent):
		change.Old = nil
	case old == nil:
		return &ArgumentError{"ChangeKey", errors.New("this is not the key of the session: the present key must be given as well")}
	}
	return c.changeKey(ctx, cmd, change)
}

// ChangeKeyInSet is ChangeKey for a key of a key set that is not active (EV2
// on). old is what the set holds now.
func (c *Card) ChangeKeyInSet(ctx context.Context, set wire.KeySetNo, no KeyNo, newKey, old key.Key) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	if c.state.channel == nil {
		return &ArgumentError{"ChangeKeyEV2", errNoSession}
	}
	cmd := &wire.ChangeKeyEV2{Set: set, Key: no}
	change := securemsg.KeyChange{Code: cmd.Spec().INS, Head: []byte{byte(set), byte(no)}, New: newKey, Old: old}
	if set == 0 && c.state.ownKey(no) {
		change.Old = nil
	} else if old == nil {
		return &ArgumentError{"ChangeKeyEV2", errors.New("the present key must be given as well")}
	}
	return c.changeKey(ctx, cmd, change)
}

func fixedFiles(g Generation) bool { return g == wire.Light || g == wire.NTAG424 }

func (c *Card) changeKey(ctx context.Context, cmd wire.Command, change securemsg.KeyChange) error {
	if err := change.Check(); err != nil {
		return &ArgumentError{cmd.Spec().Name, err}
	}
	return c.run(ctx, request{cmd: cmd, rsp: new(wire.Empty), change: &change})
}

// KeyVersion is the version of a key. It needs no authentication.
func (c *Card) KeyVersion(ctx context.Context, no KeyNo) (byte, error) {
	v, err := Do(ctx, c, &wire.GetKeyVersion{Key: no})
	if err != nil {
		return 0, err
	}
	if len(v.Versions) != 1 {
		return 0, &IntegrityError{"GetKeyVersion", fmt.Errorf("%d versions instead of one", len(v.Versions)), c.hasChanged()}
	}
	return byte(v.Versions[0]), nil
}

// ChangeKeySettings changes key setting 1 of the selected application or the
// card. It needs the master key. Some settings can never be changed back.
func (c *Card) ChangeKeySettings(ctx context.Context, settings wire.KeySett1) error {
	_, err := Do(ctx, c, &wire.ChangeKeySettings{KS1: settings})
	return err
}

// CardUID is the real identifier, also of a card with a random one. It needs a
// session with any key.
func (c *Card) CardUID(ctx context.Context) ([]byte, error) {
	u, err := Do(ctx, c, &wire.GetCardUID{})
	if err != nil {
		return nil, err
	}
	return u.UID, nil
}

// SetConfiguration changes the card itself, on DESFire Light and NTAG 424 DNA
// the application. It needs the master key. Some settings can never be undone,
// and a wrong ATS makes a card unreachable.
func (c *Card) SetConfiguration(ctx context.Context, setting wire.Setting) error {
	_, err := Do(ctx, c, &wire.SetConfiguration{Setting: setting})
	shows := false
	switch s := setting.(type) {
	case *wire.PICCConfig:
		shows = s.Flags&wire.PICCRandomID != 0
	case *wire.ATS, *wire.SAK, *wire.ATQA:
		shows = true
	}
	c.showsOld = c.showsOld || shows && err == nil
	return err
}

// Reconfigured reports whether SetConfiguration changed, since the card was
// activated, how it identifies itself: by identifier, ATS, SAK or ATQA. That shows
// when it is activated anew.
func (c *Card) Reconfigured() bool { return c.showsOld }

package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/wire"
)

// Version asks the card what it is and remembers the answer; the caller gets a
// copy. The UID in it is zero for a card with a random identifier. Outside a
// session nothing proves it.
func (c *Card) Version(ctx context.Context) (*wire.Version, error) {
	if err := c.acquire(); err != nil {
		return nil, err
	}
	defer c.release()
	return c.askWhat(ctx, request{cmd: new(wire.GetVersion), rsp: new(wire.Version)})
}

// askWhat runs a GetVersion and remembers the answer.
func (c *Card) askWhat(ctx context.Context, r request) (*wire.Version, error) {
	if err := c.run(ctx, r); err != nil {
		return nil, err
	}
	v := r.rsp.(*wire.Version)
	if !v.IsDESFire() {
		return nil, &NotDESFireError{ATR: c.ATR(), Reason: "it says that it is " + v.Product()}
	}
	gen, known := v.Generation()
	if !known {
		c.conf.Logger.Info("unknown card generation, treated as the newest known one", "product", v.Product(), "as", gen)
	}
	told := *v
	c.version, c.gen = &told, gen
	return v, nil
}

// FreeMemory is how many bytes the card can still allocate. Deleted files and
// applications count only after FormatPICC. EV1 and later.
func (c *Card) FreeMemory(ctx context.Context) (uint32, error) {
	m, err := Do(ctx, c, &wire.FreeMemory{})
	return m.Bytes, err
}

// Applications lists the applications of the card, in a slice of the caller's. At
// PICC level; it may need
// the PICC master key (wire.StatusAuthenticationError).
func (c *Card) Applications(ctx context.Context) ([]AID, error) {
	m, err := Do(ctx, c, &wire.GetApplicationIDs{})
	return m.AIDs, err
}

// SelectApplication selects an application, or wire.PICC for the card level.
// It ends the session and drops whatever is pending, and is the way on after a
// *BrokenError.
//
// Nothing in the answer is authentic. A selection is a fence against accidents,
// not against a relay that keeps it back and says yes: what was pending may then
// still be committed, and the next session may be one of another application
// with the same key. Settle makes sure.
func (c *Card) SelectApplication(ctx context.Context, aid AID) error {
	_, err := Do(ctx, c, &wire.SelectApplication{AID: aid})
	return err
}

// CreateApplication creates an application. At PICC level; whether it needs
// the PICC master key is up to the card's settings. An application that has no
// keys, or whose master key and settings can never be changed, as with zero KS1,
// is an *ArgumentError: see CreateFrozenApplication.
func (c *Card) CreateApplication(ctx context.Context, app *wire.CreateApplication) error {
	const frozen = wire.SettMasterChangeable | wire.SettChangeable
	switch {
	case app.KS2.Keys() == 0:
		return &ArgumentError{"CreateApplication", errors.New("KS2 gives the application no keys: see wire.NewKeySett2, or say CreateFrozenApplication")}
	case app.KS1&frozen == 0:
		return &ArgumentError{"CreateApplication", errors.New("KS1 freezes master key and settings for ever: wire.SettDefault leaves them changeable, or say CreateFrozenApplication")}
	}
	return c.CreateFrozenApplication(ctx, app)
}

// CreateFrozenApplication is CreateApplication for whatever KS1 and KS2 say:
// what they freeze can never be undone.
func (c *Card) CreateFrozenApplication(ctx context.Context, app *wire.CreateApplication) error {
	_, err := Do(ctx, c, app)
	return err
}

// DeleteApplication deletes an application with all its files. Its memory
// comes back with FormatPICC only.
func (c *Card) DeleteApplication(ctx context.Context, aid AID) error {
	_, err := Do(ctx, c, &wire.DeleteApplication{AID: aid})
	return err
}

// Format deletes all applications and files. It needs the PICC master key. The
// keys and settings of the card itself stay.
func (c *Card) Format(ctx context.Context) error {
	_, err := Do(ctx, c, &wire.FormatPICC{})
	return err
}

// KeySettings are the settings of the selected application or the card, the
// caller's own.
func (c *Card) KeySettings(ctx context.Context) (*wire.KeySettings, error) {
	return Do(ctx, c, &wire.GetKeySettings{})
}

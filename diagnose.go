package desfire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Trouble is what Diagnose is asked about.
type Trouble struct {
	Status Status // what the card answered: AE, 1E, 7E, 9D, 40 or AD
	App    AID
	No     KeyNo
	Type   key.Type // of the key that was tried
	Method key.Method
	// Version of the key that was tried, if HasVersion.
	Version    byte
	HasVersion bool
	// Risky allows probes that a card may count as failed authentications:
	// beginning one and leaving it, on EV3, DESFire Light and NTAG 424 DNA.
	Risky bool
}

// Diagnosis is what safe probes showed, and what that makes likely.
type Diagnosis struct {
	Card   string  `json:"card"`
	Probes []Probe `json:"probes"`
	Causes []Cause `json:"causes"` // the likeliest first
}

// Probe is a question to the card and its answer, or why it was not asked.
type Probe struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Cause explains a refusal.
type Cause struct {
	Weight int    `json:"weight"` // 100: the probes prove it; small: possible
	Text   string `json:"text"`
	Advice string `json:"advice"`
}

// Diagnose asks the card only what is free to ask and finds out why an
// authentication or a key change was refused. It ends a session. It never
// begins an authentication on a card that may count failures, unless Risky.
func Diagnose(ctx context.Context, c *Card, t Trouble) (*Diagnosis, error) {
	d := &diagnosis{Diagnosis: Diagnosis{Card: c.String()}, c: c, t: t}
	if err := d.ask(ctx); err != nil {
		return nil, err
	}
	d.judge()
	slices.SortStableFunc(d.Causes, func(a, b Cause) int { return cmp.Compare(b.Weight, a.Weight) })
	return &d.Diagnosis, nil
}

type diagnosis struct {
	Diagnosis
	c *Card
	t Trouble

	noApp    bool
	settings *wire.KeySettings // nil if not free to read
	version  int               // of the key on the card, -1 if unknown
	noKey    bool
	begins   map[key.Method]Status // answer to the first frame
}

func (d *diagnosis) probe(question, format string, args ...any) {
	d.Probes = append(d.Probes, Probe{question, fmt.Sprintf(format, args...)})
}

func (d *diagnosis) cause(weight int, advice, format string, args ...any) {
	d.Causes = append(d.Causes, Cause{weight, fmt.Sprintf(format, args...), advice})
}

// ask runs the probes. A refusal is an answer; anything else is an error.
func (d *diagnosis) ask(ctx context.Context) error {
	var refused *CommandError
	d.version = -1
	err := d.c.SelectApplication(ctx, d.t.App)
	switch {
	case errors.As(err, &refused):
		d.noApp = true
		d.probe("select application "+d.t.App.String(), "%v", refused.Status)
		return nil
	case errors.Is(err, errors.ErrUnsupported):
		d.probe("select application", "this card has one application, selected by its ISO name")
	case err != nil:
		return err
	default:
		d.probe("select application "+d.t.App.String(), "there")
	}
	switch s, err := d.c.KeySettings(ctx); {
	case err == nil:
		d.settings = s
		d.probe("key settings", "%v; %v", s.KS1, s.KS2)
	case errors.As(err, &refused):
		d.probe("key settings", "not free to read (%v)", refused.Status)
	case !errors.Is(err, errors.ErrUnsupported):
		return err
	}
	switch v, err := d.c.KeyVersion(ctx, d.t.No); {
	case err == nil:
		d.version = int(v)
		d.probe(fmt.Sprintf("version of key %d", d.t.No), "%02X", v)
	case errors.As(err, &refused):
		d.noKey = refused.Status == wire.StatusNoSuchKey
		d.probe(fmt.Sprintf("version of key %d", d.t.No), "%v", refused.Status)
	case !errors.Is(err, errors.ErrUnsupported):
		return err
	}
	return d.askMethods(ctx)
}

// askMethods begins each kind of authentication and leaves it.
func (d *diagnosis) askMethods(ctx context.Context) error {
	const question = "which authentications the card begins"
	if counts := d.c.gen >= wire.EV3; counts && !d.t.Risky {
		d.probe(question, "not asked: %v cards may count this as a failed attempt", d.c.gen)
		return nil
	}
	d.begins = make(map[key.Method]Status)
	for _, m := range []key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First} {
		if !d.c.gen.Has(authSpec(m, 1).Needs) {
			continue
		}
		status, err := d.c.begins(ctx, m, d.t.No)
		if err != nil {
			return err
		}
		d.begins[m] = status
		d.probe(question, "%v: %v", m, status)
	}
	return nil
}

// begins sends the first frame of an authentication and leaves it there.
func (c *Card) begins(ctx context.Context, m key.Method, no KeyNo) (Status, error) {
	if !c.busy.CompareAndSwap(false, true) {
		return 0, ErrBusy
	}
	defer c.busy.Store(false)
	spec := authSpec(m, 1)
	if err := c.mayRun(ctx, spec); err != nil {
		return 0, err
	}
	data := []byte{byte(no)}
	if m == key.MethodEV2First {
		data = append(data, 0)
	}
	c.state.drop("a new authentication began")
	c.state.lost = false
	_, err := c.authFrame(ctx, spec, spec, data)
	var refused *CommandError
	if errors.As(err, &refused) {
		return refused.Status, nil
	}
	return wire.StatusAdditionalFrame, err
}

func (d *diagnosis) judge() {
	if d.noApp {
		d.cause(100, "list the applications; AIDs are six hexadecimal digits of the number, not the bytes on the wire", "there is no application %v on this card", d.t.App)
		return
	}
	if d.noKey || d.settings != nil && d.t.App != wire.PICC && int(d.t.No) >= d.settings.KS2.Keys() {
		d.cause(100, "use a key number that the application has", "the application has no key %d", d.t.No)
		return
	}
	if d.settings != nil && d.settings.KS2.KeyType() != d.t.Type.Wire() {
		d.cause(95, fmt.Sprintf("use a key of type %v", d.settings.KS2.KeyType()), "the keys here are of type %v, the key tried is %v", d.settings.KS2.KeyType(), d.t.Type)
	}
	if err := securemsg.Fits(d.t.Method, d.t.Type); err != nil {
		d.cause(95, "let Authenticate choose the method", "%v", err)
	}
	switch status := d.begins[d.t.Method]; status {
	case wire.StatusIllegalCommand, wire.StatusPermissionDenied:
		d.cause(90, "use a stronger method", "the card does not begin %v authentication (%v): switched off by SetConfiguration, or unknown to it", d.t.Method, status)
	case wire.StatusAuthenticationError:
		d.cause(90, "use the method that fits the key's type on the card", "the card refuses %v authentication with this key at once: the key on the card is of another type", d.t.Method)
	}
	if d.version >= 0 && d.t.HasVersion && byte(d.version) != d.t.Version {
		d.cause(80, "look for the key with the card's version", "the key on the card has version %02X, the key tried %02X: it was changed", d.version, d.t.Version)
	}
	d.judgeStatus()
}

func (d *diagnosis) judgeStatus() {
	switch d.t.Status {
	case wire.StatusAuthenticationError:
		d.cause(60, "check the key; a diversified key depends on the UID and on the order of the AID's bytes", "the key is another one than on the card")
		d.cause(20, "authenticate again after every refusal: an error ends EV1 and EV2 sessions", "the session was already over when the command came")
		d.cause(15, "look at the access rights of the file", "the session's key does not have the right")
	case wire.StatusIntegrityError:
		d.cause(60, "give the exact old key, with its version bits for DES keys", "a key change was made with a wrong old key")
		d.cause(40, "state the version bits of DES keys alike for the old and the new key", "the parity bits of a DES key, which hold its version, are not those that the card has")
		d.cause(30, "read the file's settings before the session", "the message was enciphered or MACed in another mode than the file has")
		d.cause(10, "authenticate anew", "the command counter or running value is out of step after a lost answer")
	case wire.StatusLengthError:
		d.cause(60, "read the settings before the session; access that is merely free is plain even in a session", "a MAC or padding was sent where the card wants plain data, or the other way round")
		d.cause(40, "authenticate again", "the session had ended before, and the card took the MAC for surplus bytes")
		d.cause(20, "compare with docs/commands.md", "the command has a wrong number of bytes")
	case wire.StatusPermissionDenied:
		d.cause(60, "it cannot be done without other settings", "the settings forbid it to every key: an access right is never, or the key settings are frozen")
		d.cause(40, "select the application, or the card, first", "the command belongs to the other level: application or card")
		d.cause(30, "begin with EV2First", "EV2NonFirst without a session")
		d.cause(20, "enable the key first", "the key is disabled, or not meant to authenticate")
	case wire.StatusNoSuchKey:
		d.cause(70, "look at the number of keys", "the key number does not exist here")
		d.cause(30, "select the application", "another application, or the card itself, is selected")
	case wire.StatusAuthenticationDelay:
		d.cause(100, "repeat the authentication until the card answers otherwise", "the card slows down after many failed authentications")
	}
}

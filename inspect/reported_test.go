package inspect_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/reported"
	"github.com/go-desfire/desfire/wire"
)

func readReported(t *testing.T, script desfire.Transport) (*inspect.Card, error) {
	t.Helper()
	card, err := desfire.Connect(context.Background(), script, nil)
	if err != nil {
		t.Fatal(err)
	}
	return inspect.Read(context.Background(), card, &inspect.Config{Ask: inspect.Everything})
}

// A card whose answers GetDFNames kills is read all the same, and the names are
// what is missing.
func TestNamesThatKillACard(t *testing.T) {
	script := reported.New("names kill it")
	c, err := readReported(t, script)
	if err != nil {
		t.Fatal(err)
	}
	m := c.MissingPart(inspect.PartNames)
	if m == nil || m.Command != "GetDFNames" || m.Status != "91C1" || len(c.Applications) != 1 || c.Applications[0].Files == nil || script.Activation == 0 {
		t.Errorf("missing %+v of %+v after %d activations", m, c.Applications, script.Activation)
	}
}

// once is a transport that cannot activate a card anew.
type once struct{ desfire.Transport }

// A card that cannot be activated anew tells what really failed.
func TestNamesThatKillACardForGood(t *testing.T) {
	_, err := readReported(t, once{reported.New("names kill it")})
	if err == nil || !strings.Contains(err.Error(), "PICC_DISABLED_ERROR") || !strings.Contains(err.Error(), "before that, GetDFNames was refused with PICC_INTEGRITY_ERROR (91C1)") {
		t.Error(err)
	}
}

// A card that refuses GetVersion in the middle is read without it.
func TestVersionRefusedMidway(t *testing.T) {
	c, err := readReported(t, reported.New("refuses midway"))
	if err != nil {
		t.Fatal(err)
	}
	if m := c.MissingPart(inspect.PartVersion); m == nil || m.Status != "911C" || c.Generation != wire.EV3 || c.Applications == nil {
		t.Errorf("%+v of %+v", m, c)
	}
}

// Files, applications and keys as reports have them: a transaction MAC of six
// bytes of settings, seven further access rights, no key at all, and an
// application that refuses everything.
func TestReportedApplications(t *testing.T) {
	c, err := readReported(t, reported.New("transaction MAC"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Applications) != 3 {
		t.Fatalf("%+v", c.Applications)
	}
	full, keyless, closed := c.Applications[0], c.Applications[1], c.Applications[2]
	if len(full.Files) != 2 || full.Files[0].Type != "standard" || len(full.Files[0].Additional) != 7 || full.Files[1].Type != "tmac" || full.Files[1].KeyType != "AES" {
		t.Errorf("files %+v", full.Files)
	}
	if keyless.KeySettings == nil || keyless.KeySettings.Keys != 0 || keyless.Files == nil {
		t.Errorf("the one without keys: %+v", keyless.KeySettings)
	}
	if closed.Files != nil || closed.MissingPart(inspect.PartFiles) == nil || closed.MissingPart(inspect.PartKeySettings) == nil {
		t.Errorf("the closed one: %+v", closed)
	}
}

// Nothing that a card of a report answers makes reading panic.
func TestEveryReportedCard(t *testing.T) {
	for _, name := range reported.Names() {
		card, err := desfire.Connect(context.Background(), reported.New(name), nil)
		if err != nil {
			continue
		}
		c, err := inspect.Read(context.Background(), card, &inspect.Config{Ask: inspect.Everything})
		if err != nil || c.Name == "" || c.Applications == nil {
			t.Errorf("%s: %v: %+v", name, err, c)
		}
	}
}

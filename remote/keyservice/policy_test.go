package keyservice_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/wire"
)

const policyText = `desfire: key-policy/v1
pending: 4
patience: 7
agents:
  gate7:
    keys: {F48121: [1, 2], card: [0]}
    rate: 600
  "bus-*":
    keys: {F48121: [1], "df:D2760000850101": [0, "1:2", proximity]}
    methods: [EV2, AES]
    shared: true
    keep: 300
    change: true
`

func TestPolicyFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(name, []byte(policyText), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := keyservice.LoadPolicy(context.Background(), name, func(s string) { t.Error(s) })
	if err != nil {
		t.Fatal(err)
	}
	if p.Pending != 4 || p.Patience != 7*time.Second || len(p.Agents) != 2 {
		t.Errorf("%+v", p)
	}
	gate, bus := p.Agents["gate7"], p.Agents["bus-*"]
	if gate.Rate != 600 || gate.Methods != nil || gate.Shared || gate.Change || gate.Keep != 0 ||
		!slices.Equal(gate.Keys[aesApp], []keystore.ID{keystore.Number(1), keystore.Number(2)}) || !slices.Equal(gate.Keys[wire.Place{}], []keystore.ID{keystore.Number(0)}) {
		t.Errorf("%+v", gate)
	}
	if bus.Rate != 0 || !slices.Equal(bus.Methods, []key.Method{key.MethodEV2First, key.MethodAES}) || !bus.Shared || !bus.Change || bus.Keep != 5*time.Minute ||
		!slices.Equal(bus.Keys[wire.Place{Name: "\xD2\x76\x00\x00\x85\x01\x01"}], []keystore.ID{keystore.Number(0), keystore.InSet(1, 2), keystore.RoleProximity.ID()}) {
		t.Errorf("%+v", bus)
	}
	if _, err := keyservice.ParsePolicy([]byte(`{"desfire": "key-policy/v1", "agents": {"gate7": {"keys": {"F48121": [1]}, "methods": ["LRP"], "rate": 5}}}`)); err != nil {
		t.Errorf("JSON: %v", err)
	}
}

// What is wrong in a policy is said with its line and column.
func TestPolicyFileFaults(t *testing.T) {
	for _, test := range []struct{ old, new, at, want string }{
		{"desfire: key-policy/v1\n", "", "1:1", "desfire is missing"},
		{"key-policy/v1", "key-policy/v2", "1:10", "reads key-policy/v1"},
		{"pending: 4", "pending: 0", "2:10", "1 to 1024"},
		{"pending: 4", "pending: many", "2:10", "1 to 1024"},
		{"patience: 7", "patience: 3600", "3:11", "1 to 60"},
		{"patience: 7", "patients: 7", "3:1", "did you mean patience?"},
		{"  gate7:", "  Gate7:", "5:3", "lower-case"},
		{"  gate7:", "  ga*te:", "5:3", "lower-case"},
		{"\"bus-*\":", "gate7:", "8:3", "a second time"},
		{"F48121: [1, 2]", "F4812: [1, 2]", "6:12", "is no place"},
		{"F48121: [1, 2]", "F48121: 1", "6:20", "want a list of keys"},
		{"F48121: [1, 2]", "F48121: [1, 99]", "6:24", "names no key"},
		{"F48121: [1, 2]", "F48121: [1, 1]", "6:24", "a second time"},
		{"card: [0]", "F48121: [0]", "6:28", "a second time"},
		{"rate: 600", "rate: 0", "7:11", "1 to 1000000"},
		{"rate: 600", "rate: 1.5", "7:11", "1 to 1000000"},
		{"rate: 600", "wrap: true", "7:5", "no member \"wrap\""},
		{"methods: [EV2, AES]", "methods: EV2", "10:14", "want a list"},
		{"methods: [EV2, AES]", "methods: [EV3]", "10:15", "want D40, ISO, AES, EV2, EV2NonFirst, LRP, LRPNonFirst"},
		{"methods: [EV2, AES]", "methods: [EV2, ISO7816]", "10:20", "no policy allows it"},
		{"methods: [EV2, AES]", "methods: [EV2, EV2]", "10:20", "a second time"},
		{"shared: true", "shared: yes", "11:13", "true or false"},
		{"keep: 300", "keep: -1", "12:11", "0 to 86400"},
		{"    keys: {F48121: [1, 2], card: [0]}\n", "", "6:5", "keys is missing"},
		{"rate: 600", "rate: &a 600", "7:11", "anchors"},
	} {
		text := strings.Replace(policyText, test.old, test.new, 1)
		if text == policyText {
			t.Fatalf("%q is not there", test.old)
		}
		p, err := keyservice.ParsePolicy([]byte(text))
		var e *keyservice.PolicyError
		if p != nil || !errors.As(err, &e) {
			t.Errorf("%s: %+v, %v", test.new, p, err)
			continue
		}
		has(t, err, test.at+":", test.want)
	}
	name := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(name, []byte("desfire: key-policy/v1\nagents: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := keyservice.LoadPolicy(context.Background(), name, nil)
	has(t, err, name+":2:9:", "AGENT")
}

// A policy made by hand is checked as one of a file.
func TestPolicyCheck(t *testing.T) {
	for name, p := range map[string]*keyservice.Policy{
		"pending":  {Pending: -1},
		"patience": {Patience: time.Hour},
		"name":     policyOf(map[string]*keyservice.Rules{"a.b": all()}),
		"nothing":  policyOf(map[string]*keyservice.Rules{"gate7": nil}),
		"rate":     policyOf(map[string]*keyservice.Rules{"gate7": {Rate: -1}}),
		"keep":     policyOf(map[string]*keyservice.Rules{"gate7": {Keep: 48 * time.Hour}}),
		"ISO7816":  policyOf(map[string]*keyservice.Rules{"gate7": {Methods: []key.Method{key.MethodISO7816}}}),
	} {
		if p.Check() == nil {
			t.Errorf("%s: it passes", name)
		}
	}
	if err := new(keyservice.Policy).Check(); err != nil {
		t.Error(err)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(policyText))
	f.Add([]byte(`{"desfire": "key-policy/v1", "agents": {"*": {"keys": {}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := keyservice.ParsePolicy(text)
		if err != nil {
			return
		}
		if err := p.Check(); err != nil {
			t.Errorf("read, and then %v", err)
		}
		for _, r := range p.Agents {
			if slices.Contains(r.Methods, key.MethodISO7816) {
				t.Error("ISO7816 is allowed")
			}
		}
	})
}

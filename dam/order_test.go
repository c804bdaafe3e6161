package dam_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// A signed command is read as it was written, whatever it holds.
func TestOrder(t *testing.T) {
	ctx := context.Background()
	aes := key.Zero(key.TypeAES)
	for name, m := range map[string]*wire.CreateDelegatedApplication{
		"plain":    {AID: 0x563412, Quota: 64, KS1: 0xEF, KS2: 0x81},
		"slot":     {AID: 0xF48121, Slot: 0x1234, SlotVersion: 9, Quota: 2, KS1: 0x0F, KS2: 0x83},
		"named":    {AID: 0xF48121, Quota: 64, KS1: 0x0F, KS2: 0x81, FID: 0xDF01, DFName: []byte("campus")},
		"FID only": {AID: 0xF48121, Quota: 64, KS1: 0x0F, KS2: 0x81, FID: 0xDF01},
		"longest":  {AID: 0xF48121, Quota: 64, KS1: 0x0F, KS2: 0x81, FID: 0xDF01, DFName: []byte("0123456789ABCDEF")},
		"key sets": {AID: 0xF48121, Quota: 64, KS1: 0x0F, KS2: 0x91, KS3: wire.SettKeySets, KeySetConfig: wire.KeySetConfig{NoKeySets: 2, MaxKeySize: 16}, FID: 0xDF01, DFName: []byte("x")},
	} {
		if _, err := dam.Encode(m); err == nil {
			t.Errorf("%s: not signed, yet encoded", name)
		}
		if err := (&dam.Signer{MAC: aes, Enc: aes}).Sign(ctx, m, aes); err != nil {
			t.Fatal(err)
		}
		text, err := dam.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := dam.Decode(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(back.DFName) == 0 {
			back.DFName = m.DFName
		}
		if !back.EncK.Equal(m.EncK) {
			t.Errorf("%s: another EncK", name)
		}
		same := *back
		same.EncK = m.EncK
		if !reflect.DeepEqual(&same, m) {
			t.Errorf("%s: %+v, want %+v", name, back, m)
		}
	}
}

func TestDamagedOrder(t *testing.T) {
	aes := key.Zero(key.TypeAES)
	m := &wire.CreateDelegatedApplication{AID: 0x563412, Slot: 3, Quota: 64, KS1: 0xEF, KS2: 0x81}
	if err := (&dam.Signer{MAC: aes, Enc: aes}).Sign(context.Background(), m, aes); err != nil {
		t.Fatal(err)
	}
	text, err := dam.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ old, new, want string }{
		"no JSON":             {"{", "", "this is no delegation"},
		"other format":        {dam.Format, "desfire-dump", "this is no delegation"},
		"unknown member":      {`"slot"`, `"slots"`, "this is no delegation"},
		"newer":               {`"version": 1`, `"version": 2`, "version 2"},
		"another application": {"563412", "563413", "it was changed"},
		"another slot":        {`"slot": 3`, `"slot": 4`, "it was changed"},
		"another quota":       {`"quota_blocks": 64`, `"quota_blocks": 65`, "it was changed"},
		"no hex":              {`"C9`, `"X9`, "damaged"},
		"another command":     {`"C9`, `"CA`, "damaged"},
		"cut":                 {`81`, ``, "damaged"},
		"empty":               {string(text[strings.Index(string(text), `"C9`):]), `""}`, "damaged"},
	} {
		changed := strings.Replace(string(text), tc.old, tc.new, 1)
		if changed == string(text) {
			t.Errorf("%s: nothing to replace", name)
		}
		if _, err := dam.Decode([]byte(changed)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

package tmac_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
)

// The published numbers of a transaction: key, UID and counter give the MAC of
// an input, and the previous reader. The report comes as JSON, as it may to a
// back end.
func TestTransaction(t *testing.T) {
	ctx := t.Context()
	var keys, tmv, enc *vector.Vector
	for _, v := range vector.Load(t, "tmac") {
		switch v.ID {
		case "tmac-keys-3":
			keys = v
		case "tmac-tmv-1":
			tmv = v
		case "tmac-enctmri-1":
			enc = v
		}
	}
	if keys == nil || tmv == nil || enc == nil {
		t.Fatal("the vectors are gone")
	}
	app, err := key.NewAES(keys.Hex("app_tm_key"), 0)
	if err != nil {
		t.Fatal(err)
	}
	encTMRI := [16]byte(enc.Hex("enc_tmri"))
	sent := tmac.Transaction{
		App: 0x121314, UID: keys.Hex("uid"), Input: tmv.Hex("tmi"), HasReceipt: true,
		Receipt: tmac.Receipt{TMC: 1, TMV: [8]byte(tmv.Hex("tmv"))}, EncTMRI: &encTMRI, ReaderID: &[16]byte{1},
	}
	b, err := json.Marshal(&sent)
	if err != nil {
		t.Fatal(err)
	}
	var came tmac.Transaction
	if err := json.Unmarshal(b, &came); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(sent, came) {
		t.Fatalf("%+v after JSON, sent %+v", came, sent)
	}
	previous, err := came.Verify(ctx, app)
	if err != nil || previous == nil || *previous != [16]byte(enc.Hex("previous_reader_id")) {
		t.Errorf("previous reader %X, %v", previous, err)
	}
	for name, test := range map[string]struct {
		spoil func(*tmac.Transaction)
		want  string
	}{
		"a short UID": {func(x *tmac.Transaction) { x.UID = x.UID[:6] }, "UID of 6 bytes"},
		"a wrong UID": {func(x *tmac.Transaction) { x.UID = make([]byte, 7) }, tmac.ErrMismatch.Error()},
		"no receipt":  {func(x *tmac.Transaction) { x.HasReceipt = false }, "has no receipt"},
		"incomplete":  {func(x *tmac.Transaction) { x.Incomplete = "ReadData broke off"; x.Input = x.Input[:16] }, "not complete: ReadData broke off"},
		"no UID":      {func(x *tmac.Transaction) { x.UID = nil }, tmac.ErrNoUID.Error()},
		"another MAC": {func(x *tmac.Transaction) { x.Receipt.TMV[0] ^= 1 }, tmac.ErrMismatch.Error()},
		"another TMC": {func(x *tmac.Transaction) { x.Receipt.TMC++ }, tmac.ErrMismatch.Error()},
		"LRP":         {func(x *tmac.Transaction) { x.LRP = true }, tmac.ErrMismatch.Error()},
	} {
		x := came
		test.spoil(&x)
		_, err := x.Verify(ctx, app)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if mismatch := errors.Is(err, tmac.ErrMismatch); mismatch != (test.want == tmac.ErrMismatch.Error()) {
			t.Errorf("%s: a mismatch: %t", name, mismatch)
		}
	}
	whole := came
	whole.Incomplete = "the recorder came late"
	if _, err := whole.Verify(ctx, app); err != nil {
		t.Errorf("a MAC that fits proves that the input is whole: %v", err)
	}
	if _, err := came.Verify(ctx, key.Zero(key.TypeDES)); err == nil || errors.Is(err, tmac.ErrMismatch) {
		t.Errorf("a DES key: %v", err)
	}
}

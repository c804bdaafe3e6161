package inspect_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Whatever a card answers comes back from JSON as it was.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		"\x00\x01\x00\xE1\x28\x00\x00",
		"\x02\x00\x20\xE2\xFB\xFF\xFF\xFF\x64\x00\x00\x00\x00\x00\x00\x00\x03",
		"\x04\x03\x30\x12\x10\x00\x00\x05\x00\x00\x01\x00\x00",
		"\x05\x23\x10\x1F\x02\x00\x09\x00",
		"\x00\xC0\x00\xE0\x80\x00\x00\x01\x1F\x2F\xC1\xFF\xFE\x02\x00\x00\x10\x00\x00",
		"\x0F\x83\x01\x03\x18\x01",
		"\x00\xFF\x31\x23\xE0\x01\x00",
		"\x04\x01\x01\x33\x00\x1A\x05\x04\x01\x01\x03\x00\x1A\x05\x04\x11\x22\x33\x44\x55\x66\xBA\x45\x51\xB2\x80\x52\x24",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := inspect.Card{Generation: wire.EV3, UID: inspect.Hex{}}
		a := inspect.NewApplication(wire.Place{AID: 1})
		if fs := new(wire.FileSettings); new(wire.Coder).Decode(raw, nil, fs) == nil {
			a.Files = []inspect.File{inspect.NewFile(3, fs)}
		}
		if s := new(wire.KeySettings); new(wire.Coder).Decode(raw, nil, s) == nil {
			c.KeySettings, a.KeySettings = inspect.NewKeySettings(s, true), inspect.NewKeySettings(s, false)
		}
		if v := new(wire.Version); new(wire.Coder).Decode(raw, nil, v) == nil {
			c.SetVersion(v)
		}
		c.SetName()
		c.Applications = []inspect.Application{a}
		text, err := json.Marshal(&c)
		if err != nil {
			t.Fatal(err)
		}
		var back inspect.Card
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, c) {
			t.Errorf("%v\n%s\n got %+v\nwant %+v", err, text, back, c)
		}
	})
}

// Sentences of another version are no contradiction, and come back as this one
// says them.
func TestJSONOfAnotherVersion(t *testing.T) {
	fs := &wire.FileSettings{Type: wire.FileStandard, Access: wire.AccessRightsFromUint16(0xE000), Size: 4}
	want := inspect.NewFile(1, fs)
	text, err := json.Marshal(want)
	must(t, err)
	other := strings.Replace(strings.Replace(string(text), "write and change key 0", "others ask key 0", 1), `"act":"write"`, `"act":"put"`, 1)
	if other == string(text) {
		t.Fatalf("nothing was changed in %s", text)
	}
	var f inspect.File
	if err := json.Unmarshal([]byte(other), &f); err != nil || f.Words != want.Words || !reflect.DeepEqual(f.Rights, want.Rights) {
		t.Errorf("%v: %+v", err, f)
	}
	// Members that are not there are no contradiction either.
	if err := json.Unmarshal([]byte(`{"file":1,"raw":"00 "}`), &f); err == nil {
		t.Error("raw is not hexadecimal")
	}
	if err := json.Unmarshal([]byte(`{"file":1,"raw":"0000E000040000"}`), &f); err != nil || f.Type != "standard" {
		t.Errorf("%v: %+v", err, f)
	}
}

func TestMissingFromJSON(t *testing.T) {
	var m inspect.Missing
	must(t, json.Unmarshal([]byte(`{"what":"files","command":"GetFileIDs","status":"91AE","reason":"no"}`), &m))
	if !errors.Is(m.Err, wire.StatusAuthenticationError) || !inspect.Refused(m.Err) {
		t.Errorf("%+v", m)
	}
	must(t, json.Unmarshal([]byte(`{"what":"files","reason":"this card cannot tell it"}`), &m))
	if !errors.Is(m.Err, errors.ErrUnsupported) || !inspect.Refused(m.Err) {
		t.Errorf("%+v", m)
	}
	must(t, json.Unmarshal([]byte(`{"what":"content","reason":"nobody may read it"}`), &m))
	if m.Err != nil {
		t.Errorf("%+v", m)
	}
}

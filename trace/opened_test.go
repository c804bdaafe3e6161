package trace

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// What is opened never holds a key, in bytes, fields or values.
func TestOpenedHoldsNoKeys(t *testing.T) {
	for _, kind := range kinds {
		for _, job := range keyJobs {
			t.Run(kind.name+" "+job.name, func(t *testing.T) {
				g := newGenerator(t, 3)
				for no := range wire.KeyNo(2) {
					g.keys[no] = key.Zero(kind.typ)
				}
				g.selectApp([3]byte{1, 2, 3})
				g.authenticate(kind.method, 0)
				k := newKey(t, kind.typ, 0x21)
				job.do(g, k)
				secret := k.Export()[:8]
				text := fmt.Sprintf("%X", secret)
				r := Verify(g.rec, &VerifyConfig{Keys: []Key{{No: -1, Value: key.Zero(kind.typ)}}})
				if r.Verdict != Verified {
					t.Fatal(r.Reason())
				}
				for _, o := range r.Messages {
					if bytes.Contains(o.Plain, secret) {
						t.Errorf("%s: plain holds the key", o.Name)
					}
					if s := fmt.Sprintf("%+v %X %v", o.Fields, bodyOf(t, o.Command), o.Lines()); bytes.Contains([]byte(s), []byte(text)) {
						t.Errorf("%s: %s", o.Name, s)
					}
				}
				last := r.Messages[len(r.Messages)-1]
				if last.Plain != nil || last.Command == nil {
					t.Errorf("%s: plain %X, command %T", last.Name, last.Plain, last.Command)
				}
			})
		}
	}
}

func bodyOf(t *testing.T, cmd wire.Command) []byte {
	t.Helper()
	if cmd == nil {
		return nil
	}
	var c wire.Coder
	e, err := c.Encode(nil, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return e.Bytes
}

// Commands and answers come as values.
func TestOpenedGivesValues(t *testing.T) {
	g := newGenerator(t, 3)
	g.keys[1] = key.Zero(key.TypeAES)
	g.selectApp([3]byte{1, 2, 3})
	g.authenticate(key.MethodEV2First, 1)
	g.do(&wire.Debit{File: 2, Amount: 7}, wire.CommFull, nil)
	g.do(&wire.GetValue{File: 2}, wire.CommFull, []byte{9, 0, 0, 0})
	g.do(&wire.WriteData{File: 3, Offset: 4, Data: []byte("five")}, wire.CommMAC, nil)
	g.refuse(&wire.DeleteFile{File: 9})
	keys := &VerifyConfig{Keys: []Key{{No: -1, Value: key.Zero(key.TypeAES)}}}
	type values struct {
		Command  wire.Command
		Response wire.Message
		OK       bool
	}
	var got []values
	for _, o := range Verify(g.rec, keys).Messages {
		got = append(got, values{o.Command, o.Response, o.OK()})
	}
	want := []values{
		{&wire.SelectApplication{AID: 0x030201}, &wire.Empty{}, true},
		{got[1].Command, nil, true},
		{&wire.Debit{File: 2, Amount: 7}, &wire.Empty{}, true},
		{&wire.GetValue{File: 2}, &wire.Value{Value: 9}, true},
		{&wire.WriteData{File: 3, Offset: 4, Data: []byte("five")}, &wire.Empty{}, true},
		{&wire.DeleteFile{File: 9}, nil, false},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if a, ok := got[1].Command.(*wire.AuthenticateEV2First); !ok || a.Key != 1 {
		t.Errorf("%T", got[1].Command)
	}
	// Without the key nothing enciphered becomes a value.
	for _, o := range Verify(g.rec, nil).Messages[2:4] {
		if o.Response != nil {
			t.Errorf("%s: %v", o.Name, o.Response)
		}
	}
}

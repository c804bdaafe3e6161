package trace

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Frame by frame every exchange gives two lines at once, and each has the name
// of its own command: an authentication is not given to what follows it.
func TestStepNamesFramesAsTheyPass(t *testing.T) {
	for _, tc := range []struct {
		method key.Method
		name   string
	}{
		{key.MethodD40, "Authenticate"}, {key.MethodISO, "AuthenticateISO"}, {key.MethodAES, "AuthenticateAES"},
		{key.MethodEV2First, "AuthenticateEV2First"}, {key.MethodLRPFirst, "AuthenticateLRPFirst"},
	} {
		typ := key.TypeAES
		if tc.method == key.MethodD40 || tc.method == key.MethodISO {
			typ = key.TypeDES
		}
		g := newGenerator(t, 9)
		g.keys[1] = key.Zero(typ)
		g.selectApp([3]byte{1, 2, 3})
		g.authenticate(tc.method, 1)
		g.do(&wire.GetKeySettings{}, 0, []byte{0x0F, 0x03})
		x := Explainer{Framing: g.rec.Framing}
		var got []string
		for i := range g.rec.Exchanges {
			c, a := x.Step(&g.rec.Exchanges[i])
			name := c.Name
			if c.More {
				name += " (more)"
			}
			if c.Exchange != i || a.Exchange != i || c.Answer || !a.Answer || string(c.Raw) != string(g.rec.Exchanges[i].Command) || string(a.Raw) != string(g.rec.Exchanges[i].Response) {
				t.Errorf("%v: exchange %d: %+v, %+v", tc.method, i, c, a)
			}
			got = append(got, name+" / "+a.Name)
		}
		want := []string{
			"SelectApplication / OPERATION_OK", tc.name + " / ADDITIONAL_FRAME", tc.name + " (more) / OPERATION_OK", "GetKeySettings / OPERATION_OK",
		}
		for i, l := range got { // the settings and their MAC may come in several frames
			if i >= 3 && strings.HasPrefix(l, "GetKeySettings") {
				got[i] = want[3]
			}
		}
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("%v: %q", tc.method, got)
		}
	}
}

// What Step tells of a message in several frames: the fields of the command
// first, those of the answer last, nothing of keys.
func TestStepFields(t *testing.T) {
	x := Explainer{Framing: ISO}
	var got []string
	for _, e := range []Exchange{
		{Command: []byte{0x90, 0x60, 0, 0, 0}, Response: []byte{4, 1, 1, 1, 0, 0x1A, 5, 0x91, 0xAF}},
		{Command: []byte{0x90, 0xAF, 0, 0, 0}, Response: []byte{4, 1, 1, 1, 4, 0x1A, 5, 0x91, 0xAF}},
		{Command: []byte{0x90, 0xAF, 0, 0, 0}, Response: []byte{4, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0x24, 0x20, 0x91, 0}},
		{Command: []byte{0x90, 0x3D, 0, 0, 9, 1, 0, 0, 0, 4, 0, 0, 1, 2, 0}, Response: []byte{0x91, 0xAF}},
		{Command: []byte{0x90, 0xAF, 0, 0, 2, 3, 4, 0}, Response: []byte{0x91, 0}},
		{Command: []byte{0x90, 0x5C, 0, 0, 3, 1, 0xAA, 0xBB, 0}, Response: []byte{0x91, 0xAE}},
		{Command: []byte{0x90, 0x6C, 0, 0, 1, 1, 0}, Failed: "the card is gone"},
		{Command: []byte{0x90, 0x0A, 0, 0, 1, 2, 0}, Response: []byte{1, 2, 3, 4, 5, 6, 7, 8, 0x91, 0xAF}, Reset: true},
		{Command: []byte{0x90, 0x5A, 0, 0, 3, 0, 0, 0, 0}, Response: []byte{0x91, 0}}, // the authentication was given up
	} {
		c, a := x.Step(&e)
		got = append(got, fmt.Sprintf("%s %d%v|%s %d%s", c.Name, len(c.Fields), map[bool]string{true: "+"}[c.More], a.Name, len(a.Fields), a.Note))
	}
	want := []string{
		"GetVersion 0|ADDITIONAL_FRAME 0", "GetVersion 0+|ADDITIONAL_FRAME 0", "GetVersion 0+|OPERATION_OK 18",
		"WriteData 3|ADDITIONAL_FRAME 0", "WriteData 0+|OPERATION_OK 0",
		"SetConfiguration 2|AUTHENTICATION_ERROR 0", "GetValue 1|no answer 0the card is gone",
		"Authenticate 1|ADDITIONAL_FRAME 0", "SelectApplication 1|OPERATION_OK 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

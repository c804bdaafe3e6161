package strictjson

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

type even int

func (e *even) UnmarshalText(b []byte) error {
	if len(b)%2 == 1 {
		return errOdd
	}
	return nil
}

var errOdd = errors.New("odd")

type judged struct {
	Size int `json:"size"`
}

func (j *judged) UnmarshalJSON(b []byte) error {
	if strings.Contains(string(b), "13") {
		return fmt.Errorf("13 brings bad luck")
	}
	return nil
}

type inner struct {
	Hidden string `json:"name"`
	Deep   bool   `json:"deep"`
}

type sample struct {
	*inner
	Name   string         `json:"name"`
	Even   even           `json:"even"`
	Byte   uint8          `json:"byte"`
	List   []int32        `json:"list"`
	Map    map[string]int `json:"map"`
	Judged []judged       `json:"judged"`
	None   *int           `json:"none"`
	Any    any            `json:"any"`
	Secret string         `json:"-"`
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		`{"name":"a","even":"ab","byte":255,"list":[1,-2],"map":{"a":1},"judged":[{"size":1}],"none":null,"deep":true,"any":[{"a":1,"a":2}]}`: "",
		"{\n\"name\": 1}":                `line 2: name: want a text, have a number`,
		"{\n\n\"even\": \"abc\"}":        `line 3: even: odd`,
		`{"byte":256}`:                   `line 1: byte: 256 is no number that can stand here: want a whole number, 0 to 255`,
		`{"byte":1.5}`:                   `line 1: byte: 1.5 is no number`,
		"{\"list\":[1,\n2,\n\"3\"]}":     `line 3: list[2]: want a number, have a text`,
		`{"list":[2147483648]}`:          `want a whole number, -2147483648 to 2147483647`,
		`{"list":{}}`:                    `line 1: list: want a list, have an object`,
		`{"map":{"a":1,"a":2}}`:          `line 1: map.a: it stands there twice`,
		`{"map":{"a":true}}`:             `line 1: map.a: want a number, have true or false`,
		"{\"judged\":[\n{\"size\":13}]}": `line 2: judged[0]: 13 brings bad luck`,
		`{"judged":[{"sise":1}]}`:        `line 1: judged[0]: the member "sise" is not known`,
		`{"Name":"a"}`:                   `line 1: the member "Name" is not known`,
		`{"Secret":"a"}`:                 `line 1: the member "Secret" is not known`,
		`{"name":"a"`:                    `line 1: the text is cut off after 11 bytes`,
		``:                               `line 1: the text is cut off after 0 bytes`,
		"{\"name\":\"a\"\n}\n x":         `line 3: this is no JSON`,
		"{\"name\":\"a\"}\n{}":           `line 2: something follows the end`,
		"{\n\"name\" \"a\"}":             `line 2: this is no JSON`,
		`[]`:                             `line 1: want an object, have a list`,
		"{\"a\u202eb\":1}":               `line 1: the member "a\u202eb" is not known`,
	} {
		err := Check([]byte(text), sample{})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want) && !strings.HasSuffix(err.Error(), want)):
			t.Errorf("%s: %v, want %s", text, err, want)
		case err != nil && (strings.Contains(err.Error(), "strictjson") || strings.Contains(err.Error(), "sample") || strings.Contains(err.Error(), "Go ")):
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := Check([]byte(`{"even":"a"}`), sample{}); !errors.Is(err, errOdd) {
		t.Errorf("%v", err)
	}
}

func TestCheckKnown(t *testing.T) {
	unknown, err := CheckKnown([]byte(`{"name":"a","x":{"y":[1,{"x":[]}]},"judged":[{"x":1,"z":[]}]}`), sample{})
	if err != nil || !slices.Equal(unknown, []string{"x", "z"}) {
		t.Errorf("%q, %v", unknown, err)
	}
	if _, err := CheckKnown([]byte(`{"x":{"y":`), sample{}); err == nil {
		t.Error("a text that is cut off in what is not known")
	}
}

// Whatever is said of a text stands inside it, and nothing panics.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"name":"a","list":[1]}`, `{"x":[[[`, `{"judged":[{"size":13}]}`, "{\n\"byte\":256}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, strict := range []bool{true, false} {
			_, err := check(data, sample{}, strict)
			var e *Error
			if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(data) || e.Line < 1) {
				t.Errorf("%v", err)
			}
		}
	})
}

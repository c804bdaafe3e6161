package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/bertlv"
	"github.com/spf13/cobra"
)

// What files hold, as the command line gives it.

const helpContent = `The content is one of:
  --hex DIGITS           bytes
  --text TEXT            UTF-8
  --file FILE            the content of a file; - or nothing is standard input
  --int N[:BYTES[be]]    a number of 4 or so many bytes, the least significant
                         first, as DESFire has them, or with be last
  --tlv TAG=VALUE        a data object, BER-TLV; may be repeated. VALUE is
                         hexadecimal, or text: and a text`

// contentFlags are the flags that give what to write.
type contentFlags struct {
	digits, text, file, number, pad string
	objects                         []string
}

func (c *contentFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.digits, "hex", "", "content in hexadecimal")
	f.StringVar(&c.text, "text", "", "content as text")
	f.StringVar(&c.file, "file", "", "`FILE` with the content, - for standard input")
	f.StringVar(&c.number, "int", "", "content as a number, `N[:BYTES[be]]`")
	f.StringArrayVar(&c.objects, "tlv", nil, "data object `TAG=VALUE`; may be repeated")
	f.StringVar(&c.pad, "pad", "", "fill what follows the content with this byte, in `HEX`")
}

// bytes is the content.
func (c *contentFlags) bytes(a *app, cmd *cobra.Command) (data []byte, err error) {
	bad := func(format string, args ...any) ([]byte, error) {
		return nil, &usageError{cmd, fmt.Errorf(format, args...)}
	}
	var given []string
	for _, name := range [...]string{"hex", "text", "file", "int", "tlv"} {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	switch flag := strings.Join(given, " and "); {
	case len(given) > 1:
		return bad("%s: want one of them", flag)
	case flag == "--hex":
		data, err = parseHex(c.digits)
	case flag == "--text":
		data = []byte(c.text)
	case flag == "--int":
		data, err = parseInt(c.number)
	case flag == "--tlv":
		data, err = parseObjects(c.objects)
	case c.file != "" && c.file != "-":
		if data, err = a.readUpTo(cmd.Context(), c.file, max24+1); err != nil {
			return nil, err
		}
	case screen.Terminal(a.stdin) && flag == "":
		return bad("nothing to write: want --hex, --text, --file, --int or --tlv, or standard input that is not a terminal")
	default:
		if data, err = a.readUpTo(cmd.Context(), "-", max24+1); err != nil {
			return nil, withCode(exitInput, err)
		}
	}
	switch {
	case err != nil:
		return bad("%s: %w", given[0], err)
	case len(data) == 0:
		return bad("nothing to write: the content is empty")
	case len(data) > max24:
		return bad("%d bytes are more than any file holds", len(data))
	}
	return data, nil
}

// padding is the byte of --pad, nil without it.
func (c *contentFlags) padding(cmd *cobra.Command) (*byte, error) {
	if !cmd.Flags().Changed("pad") {
		return nil, nil
	}
	b, err := parseHex(c.pad)
	if err != nil || len(b) != 1 {
		return nil, &usageError{cmd, fmt.Errorf("--pad %q: want one byte in hexadecimal, such as 00", c.pad)}
	}
	return &b[0], nil
}

// parseInt reads N, N:BYTES or N:BYTESbe.
func parseInt(s string) ([]byte, error) {
	number, size, sized := strings.Cut(s, ":")
	size, big := strings.CutSuffix(size, "be")
	bytes := uint64(4)
	n, err := parseUint(number, 64)
	if sized && err == nil {
		bytes, err = parseUint(size, 8)
	}
	switch {
	case err != nil || bytes < 1 || bytes > 8:
		return nil, fmt.Errorf("%q: want a whole number from 0, and behind a colon from 1 to 8 bytes, as in 1000:2 or 1000:2be%s", s, zeroed(err))
	case bytes < 8 && n>>(8*bytes) != 0:
		return nil, fmt.Errorf("%d does not fit %s", n, count(int(bytes), "byte"))
	}
	if big {
		return binary.BigEndian.AppendUint64(nil, n)[8-bytes:], nil
	}
	return binary.LittleEndian.AppendUint64(nil, n)[:bytes], nil
}

// parseObjects reads TAG=VALUE.
func parseObjects(list []string) (data []byte, err error) {
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("%q: want TAG=VALUE, as in 5F20=text:Ada", s)
		}
		tag, err := bertlv.ParseTag(name)
		if err != nil {
			return nil, err
		}
		var b []byte
		if text, ok := strings.CutPrefix(value, "text:"); ok {
			b = []byte(text)
		} else if value != "" {
			if b, err = parseHex(value); err != nil {
				return nil, err
			}
		}
		if tag.Constructed() {
			if _, err := bertlv.Parse(b); err != nil {
				return nil, fmt.Errorf("%v holds objects, and %X are none: %w", tag, b, err)
			}
		}
		data = bertlv.Append(data, tag, b)
	}
	return data, nil
}

// form is how content is shown.
type form string

const (
	formHex   form = "hex"
	formText  form = "utf8"
	formInt   form = "int"
	formBigIn form = "intbe"
	formTLV   form = "tlv"
	formRaw   form = "raw"
)

var forms = []string{string(formHex), string(formText), string(formInt), string(formBigIn), string(formTLV), string(formRaw)}

const helpForms = `--as says how:
  hex    hexadecimal with the text beside it
  utf8   text; zeros at its end are left out
  int    a number of up to 8 bytes, the least significant first; intbe: last
  tlv    data objects, BER-TLV, as a tree
  raw    the bytes themselves`

// formFlag is --as.
func formFlag(cmd *cobra.Command, f *form) {
	*f = formHex
	cmd.Flags().Var(&formValue{f}, "as", "show it as `FORM`: "+strings.Join(forms, ", "))
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
}

type formValue struct{ f *form }

func (v *formValue) String() string { return string(*v.f) }
func (v *formValue) Type() string   { return "form" }
func (v *formValue) Wanted() string { return "one of " + strings.Join(forms, ", ") }

func (v *formValue) Set(s string) error {
	for _, f := range forms {
		if s == f {
			*v.f = form(f)
			return nil
		}
	}
	return errors.New("no such form")
}

// shownContent is content in JSON: the bytes, and what --as makes of them.
type shownContent struct {
	Data    hexBytes     `json:"data"`
	Text    *string      `json:"text,omitempty"`
	Number  *uint64      `json:"number,omitempty"`
	Objects []dataObject `json:"objects,omitempty"`
}

// dataObject is a data object in JSON.
type dataObject struct {
	Tag     string       `json:"tag"`
	Value   hexBytes     `json:"data"`
	Objects []dataObject `json:"objects,omitempty"`
}

func newDataObjects(list []bertlv.Object) []dataObject {
	var out []dataObject
	for _, o := range list {
		out = append(out, dataObject{o.Tag.String(), o.Value, newDataObjects(o.Objects)})
	}
	return out
}

// text is the content without zeros at its end.
func (f form) text(data []byte) string { return strings.TrimRight(string(data), "\x00") }

func (f form) number(data []byte) (n uint64, err error) {
	if len(data) == 0 || len(data) > 8 {
		return 0, advise(withCode(exitInput, fmt.Errorf("%s are no number: it has 1 to 8", count(len(data), "byte"))), "--offset and --length take a part of a data file.")
	}
	for i, b := range data {
		if f == formBigIn {
			n = n<<8 | uint64(b)
		} else {
			n |= uint64(b) << (8 * i)
		}
	}
	return n, nil
}

// json is the content for JSON. An error comes with what could be made.
func (f form) json(data []byte) (*shownContent, error) {
	s := &shownContent{Data: data}
	switch f {
	case formText:
		t := f.text(data)
		if !utf8.ValidString(t) {
			return s, withCode(exitInput, errors.New("the content is no UTF-8"))
		}
		s.Text = &t
	case formInt, formBigIn:
		n, err := f.number(data)
		if err != nil {
			return s, err
		}
		s.Number = &n
	case formTLV:
		list, err := bertlv.Parse(data)
		s.Objects = newDataObjects(list)
		return s, withCode(exitInput, err)
	}
	return s, nil
}

// words is the content for people, with a line break at its end; base is the
// number of its first byte. lines lets line breaks of a text be such.
func (f form) words(data []byte, base int, lines bool) (screen.Text, error) {
	switch f {
	case formText:
		if lines {
			return screen.Lines(strings.TrimSuffix(f.text(data), "\n")) + "\n", nil
		}
		return screen.Visible(f.text(data)) + "\n", nil
	case formInt, formBigIn:
		n, err := f.number(data)
		if err != nil {
			return "", err
		}
		return screen.Sprintf("%d\n", n), nil
	case formTLV:
		list, err := bertlv.Parse(data)
		return objectTree(list, ""), withCode(exitInput, err)
	}
	return screen.Dump(data, base), nil
}

// objectTree is data objects, those in others indented.
func objectTree(list []bertlv.Object, indent string) (all screen.Text) {
	for _, o := range list {
		line := screen.Sprintf("%s%v  %s", indent, o.Tag, count(len(o.Value), "byte"))
		switch {
		case o.Tag.Constructed():
			all += line + "\n" + objectTree(o.Objects, indent+"  ")
			continue
		case len(o.Value) > 0:
			line += screen.Sprintf("  %X", o.Value)
			if utf8.Valid(o.Value) {
				line += screen.Sprintf("  %q", o.Value)
			}
		}
		all += line + "\n"
	}
	return all
}

package sim

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FaultSyntaxError says what is wrong in the text of faults, and where.
type FaultSyntaxError struct {
	Offset int    // in the text, bytes
	Text   string // what stands there, as far as it belongs together
	Reason string
}

func (e *FaultSyntaxError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("character %d: %s", e.Offset+1, e.Reason)
	}
	return fmt.Sprintf("character %d, %.40q: %s", e.Offset+1, e.Text, e.Reason)
}

// Bounds of what ParseFaults takes.
const (
	maxFaultText  = 1 << 16
	maxFaults     = 100
	maxFaultCount = 1_000_000_000
	maxFaultTime  = time.Hour
)

// setting is a value, or an option, of a fault.
type setting struct {
	name string // empty for the value
	n    uint64
	d    time.Duration
	b    []byte
	word string
}

func (s *setting) write(t valueType) string {
	switch t {
	case number, bitRate, bigNumber:
		return strconv.FormatUint(s.n, 10)
	case duration, perhaps:
		return s.d.String()
	case hexBytes:
		return strings.ToUpper(hex.EncodeToString(s.b))
	case moment:
		return s.word
	}
	return ""
}

// faultPart is one fault of a text.
type faultPart struct {
	kind    *faultKind
	value   *setting
	options []setting // in the order of the kind's
	when    condition
}

func (p *faultPart) String() string {
	var b strings.Builder
	b.WriteString(p.kind.name)
	if p.value != nil {
		b.WriteString("=" + p.value.write(p.kind.value))
	}
	for i, s := range p.options {
		b.WriteByte(":,"[min(i, 1)])
		b.WriteString(s.name)
		if t := p.kind.option(s.name).value; t != noValue {
			b.WriteString("=" + s.write(t))
		}
	}
	if terms := p.when.terms(); len(terms) > 0 {
		b.WriteString("@" + strings.Join(terms, ","))
	}
	return b.String()
}

func (p *faultPart) option(name string) *setting {
	for i := range p.options {
		if p.options[i].name == name {
			return &p.options[i]
		}
	}
	return nil
}

func (p *faultPart) has(name string) bool { return p.option(name) != nil }

// piece is a part of the text, and where it stands.
type piece struct {
	text string
	at   int
}

func (p piece) trim() piece {
	t := strings.TrimLeft(p.text, " \t\r\n")
	return piece{strings.TrimRight(t, " \t\r\n"), p.at + len(p.text) - len(t)}
}

// cut splits at the first sep; rest has the place behind it.
func (p piece) cut(sep string) (head, rest piece, found bool) {
	i := strings.Index(p.text, sep)
	if i < 0 {
		return p.trim(), piece{"", p.at + len(p.text)}, false
	}
	return piece{p.text[:i], p.at}.trim(), piece{p.text[i+len(sep):], p.at + i + len(sep)}.trim(), true
}

func (p piece) split(sep string) (all []piece) {
	for {
		head, rest, found := p.cut(sep)
		all = append(all, head)
		if !found {
			return all
		}
		p = rest
	}
}

func (p piece) wrong(format string, args ...any) error {
	return &FaultSyntaxError{p.at, p.text, fmt.Sprintf(format, args...)}
}

func parseParts(text string) (parts []*faultPart, err error) {
	if len(text) > maxFaultText {
		return nil, &FaultSyntaxError{Reason: fmt.Sprintf("%d bytes of faults: at most %d", len(text), maxFaultText)}
	}
	for _, p := range (piece{text, 0}).split(";") {
		if p.text == "" {
			continue
		}
		part, err := parsePart(p)
		if err != nil {
			return nil, err
		}
		if parts = append(parts, part); len(parts) > maxFaults {
			return nil, p.wrong("more than %d faults", maxFaults)
		}
		if part.kind.global {
			for _, other := range parts[:len(parts)-1] {
				if other.kind == part.kind {
					return nil, p.wrong("%s stands here for the second time", part.kind.name)
				}
			}
		}
	}
	if len(parts) == 0 {
		return nil, &FaultSyntaxError{Reason: "no fault: want for example lose-answer@C7#1"}
	}
	return parts, nil
}

func parsePart(p piece) (*faultPart, error) {
	what, when, conditional := p.cut("@")
	head, options, _ := what.cut(":")
	name, value, has := head.cut("=")
	part := &faultPart{kind: kindOf(strings.ToLower(name.text))}
	if part.kind == nil {
		hint := "want one of " + strings.Join(FaultNames(), ", ")
		if n := near(strings.ToLower(name.text), FaultNames()); n != "" {
			hint = "did you mean " + n + "?"
		}
		return nil, name.wrong("there is no such fault: %s", hint)
	}
	k := part.kind
	var err error
	if part.value, err = value.read(name, k.value, has); err != nil {
		return nil, err
	}
	if options.text != "" || strings.Contains(what.text, ":") {
		if err := part.parseOptions(options); err != nil {
			return nil, err
		}
	}
	switch {
	case !conditional:
	case k.global:
		return nil, when.wrong("%s has no condition: it is so from the beginning", k.name)
	default:
		for _, c := range when.split(",") {
			if err := part.parseCondition(c); err != nil {
				return nil, err
			}
		}
	}
	return part, part.check(p)
}

func (part *faultPart) parseOptions(p piece) error {
	k := part.kind
	var given [8]*setting
	for _, o := range p.split(",") {
		name, value, has := o.cut("=")
		opt := k.option(strings.ToLower(name.text))
		if opt == nil {
			var names []string
			for _, x := range k.options {
				names = append(names, x.name)
			}
			if len(names) == 0 {
				return o.wrong("%s has no options; conditions stand after @", k.name)
			}
			return o.wrong("%s has no such option: want %s; conditions stand after @", k.name, strings.Join(names, ", "))
		}
		v, err := value.read(name, opt.value, has)
		if err != nil {
			return err
		}
		if v == nil {
			v = &setting{}
		}
		v.name = opt.name
		for i := range k.options {
			if &k.options[i] == opt {
				if given[i] != nil {
					return o.wrong("%s stands here for the second time", opt.name)
				}
				given[i] = v
			}
		}
	}
	for _, v := range given {
		if v != nil {
			part.options = append(part.options, *v)
		}
	}
	return nil
}

// check looks at what goes together.
func (part *faultPart) check(p piece) error {
	for _, x := range [...][2]string{{"bit", "bits"}, {"keep", "drop"}} {
		if part.has(x[0]) && part.has(x[1]) {
			return p.wrong("%s and %s do not go together", x[0], x[1])
		}
	}
	if s := part.option("bits"); s != nil && s.n == 0 {
		return p.wrong("bits=0 turns no bit")
	}
	if s := part.option("drop"); s != nil && s.n == 0 {
		return p.wrong("drop=0 cuts nothing")
	}
	if s := part.option("answer"); s != nil && len(s.b) < 2 {
		return p.wrong("an answer ends with its status, as 9100")
	}
	switch {
	case part.kind.name == "forge" && len(part.value.b) < 2:
		return p.wrong("an answer ends with its status, as 9100")
	case part.kind.name == "tear" && part.value.word != "inside" && (part.has("cells") || part.has("finish")):
		return p.wrong("cells and finish go with tear=inside")
	}
	return nil
}

// read reads what stands behind the = of name.
func (p piece) read(name piece, t valueType, has bool) (*setting, error) {
	switch {
	case t == noValue && has:
		return nil, p.wrong("%s has no value", name.text)
	case t == noValue, t == perhaps && !has:
		return nil, nil
	case !has:
		return nil, name.wrong("%s needs a value: %s", name.text, example(name.text, t))
	}
	s := &setting{}
	var err error
	switch t {
	case number, bitRate:
		var n int
		n, err = p.count(0)
		if s.n = uint64(n); err == nil && t == bitRate && !isBitRate(n) {
			err = p.wrong("want 106, 212, 424 or 848 kbit/s")
		}
	case bigNumber:
		if s.n, err = strconv.ParseUint(p.text, 10, 64); err != nil || !digits(p.text) {
			return nil, p.wrong("want a number")
		}
	case duration, perhaps:
		if s.d, err = time.ParseDuration(p.text); err != nil || s.d < 0 || s.d > maxFaultTime {
			return nil, p.wrong("want a time from 0 to %v, for example 200ms", maxFaultTime)
		}
	case hexBytes:
		if s.b, err = hex.DecodeString(p.text); err != nil || len(s.b) == 0 {
			return nil, p.wrong("want bytes in hexadecimal, for example %s", example(name.text, t))
		}
	case moment:
		if s.word = strings.ToLower(p.text); s.word != "before" && s.word != "inside" && s.word != "after" {
			return nil, p.wrong("want before, inside or after")
		}
	}
	return s, err
}

func example(name string, t valueType) string {
	switch t {
	case number, bigNumber:
		return name + "=5"
	case duration, perhaps:
		return name + "=200ms"
	case hexBytes:
		return name + "=9100"
	case moment:
		return name + "=inside"
	case bitRate:
		return name + "=106"
	}
	return name
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func (p piece) count(least int) (int, error) {
	n, err := strconv.ParseUint(p.text, 10, 32)
	if err != nil || !digits(p.text) || n > maxFaultCount || int(n) < least {
		return 0, p.wrong("want a number from %d to %d", least, maxFaultCount)
	}
	return int(n), nil
}

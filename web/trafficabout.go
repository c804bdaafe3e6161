package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// about says in a few words what a command is about, such as "file 2 = 25 000",
// from the fields of the command and those of its answer. It can be shown as it is.
func about(command, answer []wire.Field) string {
	var words []string
	say := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	for _, f := range shortened(command) {
		switch f.Name {
		case "FileNo", "TargetFileNo", "ShortEF":
			say("file %s", f.Value)
		case "SourceFileNo":
			say("from file %s", f.Value)
		case "KeyNo", "KeyRef":
			say("key %s", strings.TrimPrefix(f.Value, "application key "))
		case "KeySetNo":
			say("key set %s", f.Value)
		case "AID", "SecondAID", "ISOFID", "DFName", "Record", "RecNo":
			say("%s", f.Value)
		case "Option":
			if strings.Trim(f.Value, "0123456789") != "" { // of SetConfiguration, in words
				say("%s", f.Value)
			}
		case "Amount":
			say("%s", grouped(f.Value))
		case "Length", "Size", "Le":
			if f.Value != "0" {
				say("%s bytes", grouped(f.Value))
			}
		case "Data":
			if f.Len > 0 {
				say("%s bytes", grouped(f.Len))
			}
		case "TMRI":
			say("…%s", f.Value[max(0, len(f.Value)-2):])
		}
	}
	s := strings.Join(words, ", ")
	for _, f := range shortened(answer) {
		switch f.Name {
		case "Value":
			return s + " = " + grouped(f.Value)
		case "KeyVersion[0]", "KeyVersion":
			return s + " = " + f.Value
		case "TMC":
			return "no. " + grouped(f.Value)
		case "FreeBytes":
			return grouped(f.Value) + " bytes"
		case "UID":
			return f.Value
		case "Data":
			if s != "" && !strings.Contains(s, " bytes") {
				return fmt.Sprintf("%s, %s bytes", s, grouped(f.Len))
			}
		}
	}
	return s
}

// What is kept of a value and of an error, in characters.
const (
	mostValue = 96
	mostError = 500
)

// shortened are fields whose values can be shown as they are, and are cut if they
// are long.
func shortened(fields []wire.Field) []wire.Field {
	fields = slices.Clone(fields)
	for i, f := range fields {
		v := f.Value
		if r := []rune(v); len(r) > mostValue {
			v = fmt.Sprintf("%s… (%d bytes)", string(r[:mostValue]), f.Len)
		}
		fields[i].Value = visible.Text(v)
	}
	return fields
}

package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError says what was wrong with a flag, without the words of the parser.
func flagError(cmd *cobra.Command, err error) error {
	return &usageError{cmd, errors.New(flagWords(err))}
}

func flagWords(err error) string {
	var value *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &value):
		return fmt.Sprintf("--%s %q: want %s%s", value.GetFlag().Name, value.GetValue(), wanted(value.GetFlag()), zeroed(value))
	case errors.As(err, &missing):
		f := missing.GetFlag()
		name, _ := pflag.UnquoteUsage(f)
		if name == "" {
			name = "a value"
		}
		return fmt.Sprintf("--%s: %s missing", f.Name, name)
	case errors.As(err, &unknown):
		letters := unknown.GetSpecifiedShortnames()
		switch {
		case letters == "":
			return "unknown flag --" + unknown.GetSpecifiedName()
		case strings.IndexFunc(letters, func(r rune) bool { return !unicode.IsDigit(r) }) < 0:
			return fmt.Sprintf("-%s: want a whole number from 1", letters)
		case len(letters) == len(unknown.GetSpecifiedName()):
			return "unknown flag -" + letters
		}
		return fmt.Sprintf("unknown flag -%s in -%s", unknown.GetSpecifiedName(), letters)
	case errors.As(err, &syntax):
		return syntax.GetSpecifiedFlag() + " is no flag"
	}
	return err.Error()
}

// wanted is what a flag takes. A type of ours says it itself.
func wanted(f *pflag.Flag) string {
	if w, ok := f.Value.(interface{ Wanted() string }); ok {
		return w.Wanted()
	}
	switch kind := f.Value.Type(); kind {
	case "duration":
		return "a time such as 500ms, 10s or 2m"
	case "bool":
		return "true or false"
	case "float32", "float64":
		return "a number such as 1 or 2.5"
	case "uint8":
		if f.Name == "auth" {
			return fmt.Sprintf("a key number, 0 to %d", maxKey)
		}
		return "a whole number, 0 to 255"
	case "uint16":
		return "a whole number, 0 to 65535"
	case "uint", "uint32", "uint64":
		return "a whole number from 0"
	case "int", "int8", "int16", "int32", "int64", "count":
		return "a whole number"
	}
	return "another value"
}

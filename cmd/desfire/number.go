package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errLeadingZero is a number of which nobody can say what it is: 010 is ten for
// people and eight for many programs.
var errLeadingZero = errors.New("a zero in front, which for some programs makes it octal: leave it out")

// parseUint reads a whole number from 0 that fits so many bits, decimal or with
// 0x.
func parseUint(s string, bits int) (uint64, error) {
	digits, base, err := radix(s)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(digits, base, bits)
}

// radix finds what base a number is written in. No sign belongs to it.
func radix(s string) (digits string, base int, err error) {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		return s[2:], 16, nil
	}
	if len(s) > 1 && s[0] == '0' {
		return s, 10, errLeadingZero
	}
	return s, 10, nil
}

// zeroed says of a number that was refused that a zero in front is why.
func zeroed(err error) string {
	if errors.Is(err, errLeadingZero) {
		return ", without a zero in front"
	}
	return ""
}

// number is the value of a flag that is a number: what parseUint would not read,
// it does not take.
type number struct{ pflag.Value }

// Set implements pflag.Value.
func (n number) Set(s string) error {
	s = strings.TrimSpace(s)
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	digits, base, err := radix(digits)
	if err == nil {
		_, err = strconv.ParseUint(digits, base, 64)
	}
	if err != nil {
		return err
	}
	return n.Value.Set(s)
}

// strictNumbers makes every flag that is a number of a command, and of those
// below it, take what parseUint reads and nothing else.
func strictNumbers(cmd *cobra.Command) {
	strict := func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64":
			if _, done := f.Value.(number); !done {
				f.Value = number{f.Value}
			}
		}
	}
	cmd.Flags().VisitAll(strict)
	cmd.PersistentFlags().VisitAll(strict)
	for _, sub := range cmd.Commands() {
		strictNumbers(sub)
	}
}

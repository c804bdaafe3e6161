package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/doctor"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/pn532"
	"github.com/spf13/cobra"
)

// doctorFlags are those of doctor.
type doctorFlags struct{ list, probe bool }

func (a *app) doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [ID ...]",
		Short: "Find out what is missing for a reader to work",
		Long: `Find out what is missing on this machine for a reader to work: services,
groups, drivers, modules of the kernel, programs that have the reader, cables and
switches. Each finding has what is wrong, where, and the line that mends it.

It looks at PC/SC, or at the place of --reader, changes nothing and needs no
rights; what it could not see without them it says. A card that no program uses
is asked what it is. Bytes go out on a serial port or bus only if --reader names
it; --probe asks at every port for a PN532.

The exit code is 0 if nothing is in the way, and 1 otherwise. --list tells what
it can find, and with IDs, all about these. What it says of drivers, polkit,
containers, WSL, Windows, macOS and the Raspberry Pi is from the sources that
--list names; the rest was tried.`,
		Example: `  desfire doctor
  desfire doctor --json
  desfire doctor --reader pn532:/dev/ttyUSB0
  desfire doctor --list kernel-driver polkit`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case f.list:
				return a.listCauses(cmd, ids)
			case len(ids) > 0:
				return &usageError{cmd, fmt.Errorf("%s: an ID goes with --list", ids[0])}
			}
			return a.doctor(cmd, f.probe)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) (ids []string, _ cobra.ShellCompDirective) {
			for _, c := range append(doctor.Causes(), schemeCauses...) {
				ids = append(ids, c.ID+"\t"+c.What)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().BoolVar(&f.list, "list", false, "list what can be found, without looking")
	cmd.Flags().BoolVar(&f.probe, "probe", false, "ask at every serial port for a PN532")
	return cmd
}

func (a *app) doctor(cmd *cobra.Command, probe bool) error {
	ctx, schemes := cmd.Context(), a.schemes(cmd)
	name, _, _ := strings.Cut(a.reader, ":")
	if name != "vpcd" && !slices.ContainsFunc(schemes, func(s place.Scheme) bool { return s.Name == name }) {
		_, err := a.parseReader(cmd)
		return err
	}
	found := doctor.Examine(ctx, doctor.This(), &doctor.Config{Place: a.reader, Schemes: schemes, Probe: probe, Explain: a.explained})
	if ctx.Err() != nil {
		return errInterrupted
	}
	bad := 0
	for _, f := range found {
		if f.Severity == doctor.Bad {
			bad++
		}
		if a.json {
			if err := a.emit(f); err != nil {
				return err
			}
			continue
		}
		a.printExamined(f)
	}
	if bad > 0 {
		return withCode(exitRefused, fmt.Errorf("%s in the way", are(bad, "thing")))
	}
	return nil
}

// inFleet reports whether --reader is in a fleet.
func (a *app) inFleet() bool { return strings.HasPrefix(a.reader, "nats:") }

// doctorFor points at the verb that says more of a reader that is missing; empty if
// the error is of something else.
func (a *app) doctorFor(err error) string {
	const denied pcsc.Error = 0x8010006A // SCARD_W_SECURITY_VIOLATION
	var code pcsc.Error
	switch {
	case errors.Is(err, pcsc.ErrNoReader), errors.Is(err, pcsc.ErrNoService), errors.Is(err, pcsc.ErrUnavailable), errors.As(err, new(*pn532.LineError)):
	case errors.As(err, &code) && code == denied:
	default:
		return ""
	}
	if a.reader == "pcsc" {
		return "desfire doctor says what is missing"
	}
	return "desfire doctor --reader " + a.reader + " says what is missing"
}

// are is count with the verb that goes with it.
func are(n int, what string) string {
	if n == 1 {
		return count(n, what) + " is"
	}
	return count(n, what) + " are"
}

// findingColumn is where the words of a finding begin.
const findingColumn = 8

// printExamined prints a finding: how bad, what, where, and the line that mends it,
// which is not folded if it is one for a shell.
func (a *app) printExamined(f doctor.Finding) {
	style := a.out.Dim
	switch f.Severity {
	case doctor.Good:
		style = a.out.Good
	case doctor.Doubt:
		style = a.out.Warn
	case doctor.Bad:
		style = a.out.Bad
	}
	words := screen.Visible(f.What)
	if f.Where != "" {
		words += " " + a.out.Dim.Render("("+f.Where+")")
	}
	a.printBeside(style.Render(string(f.Severity)), screen.Pad(f.Severity, findingColumn), words)
	if f.Next != "" {
		a.printNext(f.Next, f.Command())
	}
}

func (a *app) printNext(next string, command bool) {
	indent := screen.Text(strings.Repeat(" ", findingColumn))
	if command {
		a.printf("%s%s\n", indent, a.out.Name.Render(next))
		return
	}
	a.printBeside("", indent, screen.Visible(next))
}

// printBeside prints running text beside a word, folded.
func (a *app) printBeside(word, pad, text screen.Text) {
	room := max(min(traceColumns(a.stdout), maxColumns)-findingColumn, 40)
	for i, line := range screen.Wrap(text, room) {
		if i > 0 {
			word, pad = "", screen.Text(strings.Repeat(" ", findingColumn))
		}
		a.printf("%s%s%s\n", word, pad, line)
	}
}

// listCauses prints what can be found, or all about some of it.
func (a *app) listCauses(cmd *cobra.Command, ids []string) error {
	all := append(doctor.Causes(), schemeCauses...)
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(c doctor.Cause) bool { return c.ID == id }) {
			return &usageError{cmd, fmt.Errorf("there is no finding %s: desfire doctor --list has them", id)}
		}
	}
	for _, c := range all {
		if len(ids) > 0 && !slices.Contains(ids, c.ID) {
			continue
		}
		switch {
		case a.json:
			if err := a.emit(c); err != nil {
				return err
			}
		case len(ids) == 0:
			a.printf("%s%s  %s\n", a.out.Name.Render(c.ID), screen.Pad(c.ID, 18), c.What)
		default:
			f := doctor.Finding{ID: c.ID, Severity: c.Severity, What: c.What, Where: c.ID, Next: c.Next}
			a.printExamined(f)
			if c.Source != "" {
				a.printNext("source: "+c.Source, false)
			}
		}
	}
	return nil
}
